/** Does work on every item, so many at a time. After a failure nothing is begun, and nothing goes on behind the caller's back. */
export async function inParallel<T>(
  workers: number,
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  let failed = false;
  const worker = async (): Promise<void> => {
    for (const item of queue) {
      if (failed) return;
      try {
        await work(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(workers, items.length) }, worker));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}
