import { EXIT } from './exit-code.ts';
import type { Terminal } from './terminal.ts';
import { writeExample } from './write-example.ts';

/** `chatlog init`: writes the example configuration. */
export async function init(options: { config: string; force: boolean }, terminal: Terminal): Promise<number> {
  const { config: file } = options;
  if (!(await writeExample(file, { overwrite: options.force }))) {
    terminal.err(`${file} is there already; nothing was changed. --force overwrites it.`);
    return EXIT.usage;
  }
  terminal.out(`Wrote ${terminal.style('bold', file)}. Next:

  1. name your channels    chatlog channels add NAME
  2. see that all works    chatlog check
  3. record                chatlog run`);
  return EXIT.ok;
}
