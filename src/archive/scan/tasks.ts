/**
 * What the archive's threads can do, each in a file of its own that is loaded when it is first asked for:
 *
 *     export const sortHour: Task<SortHourInput, SortHourOutput> = async (input) => ({ value, transfer: [value.bytes.buffer] });
 */
import type { Transferable } from 'node:worker_threads';

/** Input and value are copied between threads but for what is transferred. Throws ChatlogErrors. */
export type Task<Input, Output> = (input: Input) => Promise<{ value: Output; transfer?: Transferable[] }>;

export const TASKS = {
  scan: async () => (await import('./scan-task.ts')).scan,
  inspect: async () => (await import('../verify/inspect-task.ts')).inspect,
  encode: async () => (await import('../pull/encode-task.ts')).encode,
  echo: async () => (await import('./echo-task.ts')).echo,
} satisfies Record<string, () => Promise<Task<never, unknown>>>;

export type TaskName = keyof typeof TASKS;
type TaskOf<K extends TaskName> = Awaited<ReturnType<(typeof TASKS)[K]>>;
export type TaskInput<K extends TaskName> = Parameters<TaskOf<K>>[0];
export type TaskOutput<K extends TaskName> = Awaited<ReturnType<TaskOf<K>>>['value'];
