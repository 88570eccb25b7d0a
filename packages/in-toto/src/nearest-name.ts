/** Slips of the hand that are still taken for the same name. */
const MAX_DISTANCE = 2;

/** The name that was probably meant: the one that differs least, by no more than a slip or two; undefined if none does. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  // In a short name, one other letter makes another word.
  let least = Math.min(MAX_DISTANCE, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    if (candidate.toLowerCase() === name.toLowerCase()) return candidate;
    const distance = distanceBelow(least, name, candidate);
    if (distance === undefined) continue;
    least = distance;
    nearest = candidate;
  }
  return nearest;
}

/** How many letters are put in, left out, exchanged or swapped with the next; undefined from `limit` on. */
function distanceBelow(limit: number, a: string, b: string): number | undefined {
  if (Math.abs(a.length - b.length) >= limit) return undefined;
  let [twoBefore, before]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, at) => at)];
  for (let i = 1; i <= a.length; i += 1) {
    // Further from the diagonal than this, the distance is at least the limit.
    const from = Math.max(1, i - limit);
    const to = Math.min(b.length, i + limit);
    const row = new Array<number>(b.length + 1).fill(Number.POSITIVE_INFINITY);
    row[from - 1] = from === 1 ? i : limit;
    let closest = at(row, from - 1);
    for (let j = from; j <= to; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(at(before, j) + 1, at(row, j - 1) + 1, at(before, j - 1) + same);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) least = Math.min(least, at(twoBefore, j - 2) + 1);
      row[j] = least;
      closest = Math.min(closest, least);
    }
    if (closest >= limit) return undefined;
    [twoBefore, before] = [before, row];
  }
  const distance = at(before, b.length);
  return distance < limit ? distance : undefined;
}

/** What lies outside of a row is as far away as can be. */
function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
