import {
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  type TextMapSetter,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor, type SpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { MillraceError } from '../errors.ts';
import { projectVersion } from '../root.ts';

const propagator = new W3CTraceContextPropagator();
let tracer: Tracer | undefined;

/**
 * Starts recording spans in this process and returns how to flush and stop. `otlpUrl` is an OTLP/HTTP traces endpoint, as
 * `http://localhost:4318/v1/traces`; `processors` get the spans too. Without this call spans cost nothing.
 */
export function startTracing(options: {
  service: string;
  otlpUrl?: string | undefined;
  processors?: SpanProcessor[];
}): () => Promise<void> {
  const processors = [...(options.processors ?? [])];
  if (options.otlpUrl !== undefined) {
    processors.push(
      new BatchSpanProcessor(new OTLPTraceExporter({ url: options.otlpUrl }), { scheduledDelayMillis: 200 }),
    );
  }
  if (processors.length === 0) return async () => {};
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({
      'service.name': `millrace-${options.service}`,
      'service.version': projectVersion,
    }),
    spanProcessors: processors,
  });
  tracer = provider.getTracer('millrace', projectVersion);
  return async () => {
    tracer = undefined;
    await provider.shutdown();
  };
}

/**
 * Runs `work` inside a span and hands it the context that children take as their parent. An error ends the span with its reason.
 * `name` is the RPC's full name without the leading slash, or the step's.
 */
export async function inSpan<T>(
  name: string,
  kind: SpanKind,
  parent: Context,
  work: (context: Context) => Promise<T>,
): Promise<T> {
  if (tracer === undefined) return work(parent);
  const span = tracer.startSpan(name, { kind }, parent);
  try {
    return await work(trace.setSpan(parent, span));
  } catch (error) {
    failSpan(span, error);
    throw error;
  } finally {
    span.end();
  }
}

function failSpan(span: Span, error: unknown): void {
  const reason = (error as MillraceError).reason ?? 'INTERNAL';
  span.setAttribute('millrace.reason', reason);
  span.setStatus({
    code: SpanStatusCode.ERROR,
    message: error instanceof Error ? error.message : String(error),
  });
}

/** Writes the W3C `traceparent` of `context` by `setter`. */
export function injectTrace<C>(context: Context, carrier: C, setter: TextMapSetter<C>): void {
  if (tracer !== undefined) propagator.inject(context, carrier, setter);
}

/** The context named by an incoming W3C `traceparent`. */
export function extractTrace<C>(carrier: C, getter: TextMapGetter<C>): Context {
  return tracer === undefined ? ROOT_CONTEXT : propagator.extract(ROOT_CONTEXT, carrier, getter);
}

export { SpanKind };
