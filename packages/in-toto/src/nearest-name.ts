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
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(at(before, j) + 1, at(row, j - 1) + 1, at(before, j - 1) + same);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) least = Math.min(least, at(twoBefore, j - 2) + 1);
      row.push(least);
    }
    if (Math.min(...row) >= limit) return undefined;
    [twoBefore, before] = [before, row];
  }
  const distance = at(before, b.length);
  return distance < limit ? distance : undefined;
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? 0;
}
