import type { Connector } from '../connector.ts';

/** Runs a connector for the length of a test; disposing aborts it and waits for its end. */
export function runConnector(connector: Connector): AsyncDisposable & { stop(): Promise<void> } {
  const controller = new AbortController();
  const running = connector.run(controller.signal);
  const stop = async () => {
    controller.abort(new Error('stopped'));
    await running;
  };
  return { stop, [Symbol.asyncDispose]: stop };
}
