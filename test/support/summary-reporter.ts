/**
 * Ends the test run's output with one line that a machine can read: `N passed, N failed`. Files that could not be
 * run and errors outside of tests count as failed. A run in which no test ran has failed.
 */
import type { Reporter, SerializedError, TestModule } from 'vitest/node';

export class SummaryReporter implements Reporter {
  readonly #write: (line: string) => void;

  /** `write` is called once, as the last thing of the process. */
  constructor(write: (line: string) => void = (line) => process.stdout.write(`${line}\n`)) {
    this.#write = write;
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const { passed, failed, skipped } = countResults(modules, unhandledErrors);
    if (passed + failed === 0 || failed > 0) process.exitCode = 1;
    // The other reporters write at this moment, too; ours is to be the last word.
    process.once('exit', () => {
      if (skipped > 0) this.#write(`${skipped} skipped`);
      if (passed + failed === 0) this.#write('No test ran.');
      this.#write(`${passed} passed, ${failed} failed`);
    });
  }
}

export interface Results {
  passed: number;
  failed: number;
  skipped: number;
}

export function countResults(
  modules: readonly Pick<TestModule, 'children' | 'errors'>[],
  unhandledErrors: readonly unknown[],
): Results {
  const results: Results = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
  for (const module of modules) {
    // A file that does not load, a hook around all tests that throws: no test tells of it.
    if (module.errors().length > 0) results.failed += 1;
    for (const suite of module.children.allSuites()) if (suite.errors().length > 0) results.failed += 1;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') results.passed += 1;
      else if (state === 'skipped') results.skipped += 1;
      else results.failed += 1;
    }
  }
  return results;
}
