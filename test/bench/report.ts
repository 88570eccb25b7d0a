/** One figure beside what it is compared with, both measured in the same run. */
export interface Figure {
  readonly group: string;
  readonly name: string;
  readonly value: number;
  readonly unit: "ms" | "/s" | "KiB";
  /** The machine's own limit, or a peer doing the same. `undefined` value: it did not finish in its time. */
  readonly reference: { readonly name: string; readonly value: number | undefined };
  /** What we want, in words, and whether this run has it. */
  readonly goal?: { readonly words: string; readonly met: boolean };
}

/** The figures as a table for people. */
export function table(figures: readonly Figure[]): string {
  const head = ["", "measured", "beside", "", "goal", ""];
  const rows = figures.map((figure) => [
    `${figure.group}: ${figure.name}`,
    show(figure.value, figure.unit),
    figure.reference.value === undefined ? "over 20 s" : show(figure.reference.value, figure.unit),
    figure.reference.name,
    figure.goal?.words ?? "",
    figure.goal === undefined ? "" : figure.goal.met ? "met" : "MISSED",
  ]);
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        column === 1 || column === 2 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  return [line(head), ...rows.map(line)].join("\n");
}

function show(value: number, unit: Figure["unit"]): string {
  if (unit === "/s") return `${Math.round(value).toLocaleString("en")}/s`;
  if (unit === "KiB") return `${value.toFixed(1)} KiB`;
  return `${value >= 100 ? Math.round(value) : value.toPrecision(3)} ms`;
}

/** Milliseconds of one call: the best of several rounds, which is what a shared machine disturbs least. */
export function bestOf(rounds: number, calls: number, run: () => unknown): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round += 1) {
    const start = performance.now();
    for (let call = 0; call < calls; call += 1) run();
    best = Math.min(best, (performance.now() - start) / calls);
  }
  return best;
}

/** The value below which the given share of a list lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
