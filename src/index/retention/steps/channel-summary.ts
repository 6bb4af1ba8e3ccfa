import type { Session } from '../../database/database.ts';
import { dayText } from '../due-ranges.ts';
import type { StepResult } from '../pipeline-state.ts';
import { summariseDay } from '../summarise-day.ts';
import type { StepCall } from './step.ts';

/** One row for the channel's day. */
export async function channelSummary(session: Session, call: StepCall): Promise<StepResult> {
  const summary = await summariseDay(session, call.channelId, call.dayMs);
  await session.query(
    `INSERT INTO kept_channel_summaries (pipeline, channel_id, day, summary) VALUES ($1, $2, $3, $4::text::jsonb)
     ON CONFLICT (pipeline, channel_id, day) DO UPDATE SET summary = excluded.summary`,
    [call.pipeline, call.channelId, dayText(call.dayMs), JSON.stringify(summary)],
  );
  return { lines: summary.lines, messages: summary.messages };
}
