import { exitProcess } from './exit-process.ts';

/** After a second signal, for what is being written at the moment. */
const FORCED_EXIT_MS = 100;

/** Tells of the first SIGTERM or SIGINT; a second one ends the process. Returns what takes the handlers away. */
export function onSignals({ stop, reload }: { stop(signal: string): void; reload(): void }): () => void {
  let isStopping = false;
  const onStop = (signal: NodeJS.Signals) => {
    if (isStopping) return void exitProcess(1, FORCED_EXIT_MS);
    isStopping = true;
    stop(signal);
  };
  process.on('SIGTERM', onStop).on('SIGINT', onStop).on('SIGHUP', reload);
  return () => {
    process.off('SIGTERM', onStop).off('SIGINT', onStop).off('SIGHUP', reload);
  };
}
