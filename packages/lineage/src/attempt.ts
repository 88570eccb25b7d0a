import { StemmaError } from "@stemma/encoding";

/** The value of a reading, or undefined where it is refused: for texts that only may be what is looked for. */
export function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof StemmaError)) throw error;
    return undefined;
  }
}
