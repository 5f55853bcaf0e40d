import { SpanKind } from '@opentelemetry/api';
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-base';
import pc from 'picocolors';

const BAR_WIDTH = 36;
const NAME_WIDTH = 34;

/** Keeps the spans of what runs while it is asked to. */
export class SpanKeeper implements SpanProcessor {
  #kept: ReadableSpan[] | undefined;

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    this.#kept?.push(span);
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}

  /** The spans that ended while `work` ran, of the trace that has most of them. */
  async during(work: () => Promise<unknown>): Promise<ReadableSpan[]> {
    this.#kept = [];
    const kept = this.#kept;
    try {
      await work();
    } finally {
      this.#kept = undefined;
    }
    const traces = grouped(kept, (span) => span.spanContext().traceId);
    return [...traces.values()].sort((a, b) => b.length - a.length)[0] ?? [];
  }
}

/** A trace as lines: each span below its parent, with a bar for when it ran and its milliseconds. */
export function traceLines(spans: readonly ReadableSpan[]): string[] {
  const ids = new Set(spans.map((span) => span.spanContext().spanId));
  const children = grouped(spans, ({ parentSpanContext }) =>
    parentSpanContext !== undefined && ids.has(parentSpanContext.spanId) ? parentSpanContext.spanId : '',
  );
  const startMs = Math.min(...spans.map(({ startTime }) => millis(startTime)));
  const totalMs = Math.max(...spans.map((span) => millis(span.startTime) + millis(span.duration))) - startMs;
  const lines: string[] = [];
  const visit = (parent: string, depth: number): void => {
    const siblings = children.get(parent) ?? [];
    for (const span of siblings.toSorted((a, b) => millis(a.startTime) - millis(b.startTime))) {
      const fromShare = (millis(span.startTime) - startMs) / totalMs;
      lines.push(spanLine(span, depth, fromShare, millis(span.duration) / totalMs));
      visit(span.spanContext().spanId, depth + 1);
    }
  };
  visit('', 0);
  return lines;
}

function spanLine(span: ReadableSpan, depth: number, fromShare: number, share: number): string {
  const before = Math.min(BAR_WIDTH - 1, Math.round(fromShare * BAR_WIDTH));
  const width = Math.max(1, Math.min(BAR_WIDTH - before, Math.round(share * BAR_WIDTH)));
  const bar = `${' '.repeat(before)}${'█'.repeat(width)}`.padEnd(BAR_WIDTH);
  const name = `${'  '.repeat(depth)}${nameOf(span)}`.padEnd(NAME_WIDTH);
  return `${name} ${pc.cyan(bar)} ${`${millis(span.duration).toFixed(2)} ms`.padStart(9)}`;
}

/** `millrace.ranking.v1.RankingService/Rank` as `ranking · Rank`. */
function nameOf({ name, kind }: ReadableSpan): string {
  const [, service, method] = /^millrace\.(\w+)\.v1\.\w+\/(\w+)$/.exec(name) ?? ['', '', name];
  if (kind === SpanKind.CLIENT) return `client · ${method}`;
  return service === '' ? method : `${service} · ${method}`;
}

function grouped(
  spans: readonly ReadableSpan[],
  keyOf: (span: ReadableSpan) => string,
): Map<string, ReadableSpan[]> {
  const groups = new Map<string, ReadableSpan[]>();
  for (const span of spans) {
    const key = keyOf(span);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [span]);
    else group.push(span);
  }
  return groups;
}

function millis([seconds, nanos]: readonly [number, number]): number {
  return seconds * 1e3 + nanos / 1e6;
}
