const pending: (() => void)[] = [];

/** Does this after the test, whatever becomes of it; the last one first. */
export function afterTest(action: () => void): void {
  pending.push(action);
}

/** @throws the last failure of an action; all of them are done. */
export function cleanUp(): void {
  let failure: unknown;
  for (let action = pending.pop(); action !== undefined; action = pending.pop()) {
    try {
      action();
    } catch (error) {
      failure = error;
    }
  }
  if (failure !== undefined) throw failure as Error;
}
