const pending: (() => void)[] = [];

/** Runs this action after the test, whatever its result; the last action first. */
export function afterTest(action: () => void): void {
  pending.push(action);
}

/** @throws the last failure of an action. All actions are run. */
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
