/** The configuration in effect, from its first reading on: follows the file, and knows what is wrong with a later edit. */
import type { AppLogger } from '../lib/create-logger.ts';
import { errorText } from '../lib/errors.ts';
import { textRedactor } from '../lib/redact.ts';
import type { LoadedConfig } from './load-config.ts';
import { formatProblem, type Problem } from './problem.ts';
import type { Config } from './schema.ts';
import { type ConfigWatcher, watchConfig } from './watch-config.ts';

export class LiveConfig implements AsyncDisposable {
  readonly #loaded: LoadedConfig;
  readonly #log: AppLogger;
  #config: Config;
  #problem: string | undefined;
  #redact: (text: string) => string;
  #watcher: ConfigWatcher | undefined;

  constructor(loaded: LoadedConfig, log: AppLogger) {
    this.#loaded = loaded;
    this.#log = log;
    this.#config = loaded.config;
    this.#redact = textRedactor(loaded.secrets);
  }

  get config(): Config {
    return this.#config;
  }

  /** What is wrong with the file as it stands; undefined where it is in effect. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Takes secrets out of what other servers said: some repeat what they were told. */
  redact(text: string): string {
    return this.#redact(text);
  }

  /** From now on, until disposed. `apply` is called with each valid change; it must not throw. */
  follow(file: string, apply: (before: Config, after: Config) => void): void {
    this.#watcher = watchConfig({
      file,
      current: this.#loaded,
      onChange: ({ config, secrets }) => {
        this.#problem = undefined;
        apply(this.#config, config);
        // What needs a restart goes on with the secrets that it began with.
        const all = [...this.#loaded.secrets, ...secrets];
        this.#log.setSecrets(all);
        this.#redact = textRedactor(all);
        this.#config = config;
      },
      onProblems: (problems) => {
        this.#problem = describeProblems(problems);
        this.#log.error(
          { problems: problems.map(formatProblem) },
          'the configuration file is wrong; the older configuration stays in effect',
        );
      },
      onMended: () => {
        this.#problem = undefined;
        this.#log.info({}, 'the configuration file is in order again, as it was before');
      },
    });
  }

  /** Reads the file now rather than when its change is noticed. Does nothing where it is not followed. */
  async reload(): Promise<void> {
    await this.#watcher?.reload();
  }

  /** {@link reload} for a signal: never rejects. */
  async reloadBySignal(): Promise<void> {
    this.#log.info({}, 'reading the configuration again (SIGHUP)');
    await this.reload().catch((error: unknown) =>
      this.#log.error({ err: errorText(error) }, 'cannot read the configuration'),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watcher?.[Symbol.asyncDispose]();
  }
}

function describeProblems(problems: readonly Problem[]): string {
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  return `${formatProblem(problems[0]!)}${more}`;
}
