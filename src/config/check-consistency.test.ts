import { describe, expect, it } from 'vitest';
import { checkConfigText } from './load-config.ts';
import { formatProblem } from './problem.ts';

async function problemsOf(text: string): Promise<string[]> {
  const result = await checkConfigText(text, 'config.yaml', {});
  return result.ok ? [] : result.problems.map(formatProblem);
}

const PIPELINES = 'pipelines:\n  monthly: [{step: channel_summary}]\n  keep-mods: [{step: keep}]\n';

describe('names of pipelines', () => {
  it('are errors where no pipeline has them, with the one that was probably meant', async () => {
    expect(
      await problemsOf(
        `${PIPELINES}defaults: {pipelines: [montly]}\ntwitch:\n  channels:\n    - xqc\n    - {name: ann, pipelines: [monthly, keepmods]}\nirc:\n  a:\n    host: irc.example\n    nick: c\n    channels: [{name: "#x", pipelines: [something-else]}]\n`,
      ),
    ).toEqual([
      'config.yaml:4:24: defaults.pipelines[0]: no pipeline has the name "montly"; did you mean "monthly"?',
      'config.yaml:8:40: twitch.channels[1].pipelines[1]: no pipeline has the name "keepmods"; did you mean "keep-mods"?',
      'config.yaml:13:41: irc.a.channels[0].pipelines[0]: no pipeline has the name "something-else"; there are: monthly, keep-mods',
    ]);
    expect(await problemsOf('defaults: {pipelines: [a]}\n')).toEqual([
      'config.yaml:1:24: defaults.pipelines[0]: no pipeline has the name "a"; there are none below "pipelines"',
    ]);
  });

  it('are in order where each is there', async () => {
    expect(await problemsOf(`${PIPELINES}defaults: {pipelines: [monthly, keep-mods]}\n`)).toEqual([]);
  });
});

describe('the schedule of maintenance', () => {
  it.each(['10 4 * * *', '@daily', '*/15 * * * *', '0 0 4 * * MON'])('may be "%s"', async (schedule) => {
    expect(await problemsOf(`maintenance: {schedule: "${schedule}"}\n`)).toEqual([]);
  });

  it.each(['61 4 * * *', '10 25 * * *', '10 4 * * FUNDAY', '@fortnightly'])(
    'may not be "%s"',
    async (schedule) => {
      const [problem] = await problemsOf(`maintenance: {schedule: "${schedule}"}\n`);
      expect(problem).toContain('should be a cron expression such as "10 4 * * *"');
      expect(problem).toContain('maintenance.schedule');
    },
  );

  it('has to come at all', async () => {
    expect((await problemsOf('maintenance: {schedule: "0 0 30 2 *"}\n'))[0]).toContain('which never comes');
  });
});

it('knows the order of a backoff that leaves one end out', async () => {
  expect((await problemsOf('maintenance: {backoff: {max_seconds: 30}}\n'))[0]).toContain(
    '"min_seconds" (60) should not be more than "max_seconds" (30)',
  );
});
