import { Counter, Gauge, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { metricValue, parseMetrics } from './parse-metrics.ts';

test('what prom-client writes is read back', async () => {
  const registers = [new Registry()];
  const counter = new Counter({ name: 'lines_total', help: 'x', labelNames: ['channel', 'type'], registers });
  counter.inc({ channel: 'a"b\\c\nd', type: 'message' }, 3);
  counter.inc({ channel: 'other', type: 'message' }, 4);
  new Gauge({ name: 'lag_seconds', help: 'x', registers }).set(Number.POSITIVE_INFINITY);
  const samples = parseMetrics(await registers[0]!.metrics());
  expect(metricValue(samples, 'lines_total')).toBe(7);
  expect(metricValue(samples, 'lines_total', { channel: 'a"b\\c\nd' })).toBe(3);
  expect(metricValue(samples, 'lag_seconds')).toBe(Number.POSITIVE_INFINITY);
  expect(metricValue(samples, 'nothing')).toBeUndefined();
});

test('a line that is no metric is an error', () => {
  expect(() => parseMetrics('<html>\n')).toThrow('Not a metric: <html>');
});
