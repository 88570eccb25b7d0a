import { CliError } from "./error.ts";

const UNITS: ReadonlyMap<string, number> = new Map([
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
  ["w", 7 * 86_400_000],
]);

/**
 * A time from now, such as `90d`, `4w`, `12h` or `30m`, or a moment of its own, `2027-01-31T00:00:00Z`. In whole
 * seconds, as metadata has it. Throws `usage`.
 */
export function parseExpiry(text: string, now: Date): Date {
  const duration = /^([1-9][0-9]{0,4})([mhdw])$/.exec(text);
  if (duration === null) return parseMoment(text);
  const milliseconds = Number(duration[1]) * (UNITS.get(duration[2] ?? "") ?? 0);
  return new Date(Math.floor((now.getTime() + milliseconds) / 1000) * 1000);
}

/** A moment in UTC, `2027-01-31T00:00:00Z` or `2027-01-31`. Throws `usage`. */
export function parseMoment(text: string): Date {
  const full = /^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text;
  const date = new Date(
    /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,3})?Z$/.test(full) ? full : Number.NaN,
  );
  // The way back catches the 30th of February, which Date would move.
  if (Number.isNaN(date.getTime()) || date.toISOString().slice(0, 19) !== full.slice(0, 19)) {
    throw new CliError(
      "usage",
      `"${text}" is neither a moment such as 2027-01-31T00:00:00Z nor a time such as 90d.`,
    );
  }
  return date;
}

/** `2027-01-31 12:00 UTC (in 3 days)`, with less than half a minute as `(now)`. */
export function describeMoment(moment: Date, now: Date): string {
  const minutes = Math.round((moment.getTime() - now.getTime()) / 60_000);
  const amount = Math.abs(minutes);
  const far =
    amount >= 2 * 1440
      ? `${Math.floor(amount / 1440)} days`
      : amount >= 120
        ? `${Math.floor(amount / 60)} hours`
        : `${amount} minutes`;
  const text = `${moment.toISOString().slice(0, 16).replace("T", " ")} UTC`;
  if (minutes === 0) return `${text} (now)`;
  return minutes < 0 ? `${text} (${far} ago)` : `${text} (in ${far})`;
}
