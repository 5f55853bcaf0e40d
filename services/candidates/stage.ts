import type { Catalogue } from '../../common/catalogue/catalogue.ts';
import { type Candidates, firstNonFinite } from '../../common/columns.ts';
import { asMillraceError, fieldError, MillraceError } from '../../common/errors.ts';
import { type Call, checkAlive, remainingMs, untilDeadline, within } from '../../common/rpc/call.ts';
import { inSpan, SpanKind } from '../../common/telemetry/trace.ts';
import type { User } from '../../common/user-state.ts';
import type { SourceStatus } from '../../gen/millrace/candidates/v1/candidates.ts';
import { SOURCE_DEADLINE_SHARE } from './config.ts';
import { Fusion, type RankedList } from './fusion.ts';
import { Hits } from './hits.ts';
import { type Order, plan } from './plan.ts';
import { Query } from './query.ts';
import type { OpenSource } from './sources/table.ts';

/** A checked request. */
export interface Retrieval {
  readonly user: User;
  /** Ordinals that stand for the history. Undefined: the history is the query. */
  readonly seeds: Uint32Array | undefined;
  /** Ordinals not to answer. Undefined: none. */
  readonly excluded?: Uint32Array;
  readonly timeMs: number;
  readonly limit: number;
  /** Sources to ask; empty: all. */
  readonly names: readonly string[];
  /** Share of the usual work, in (0, 1]. */
  readonly quality: number;
}

export interface Retrieved {
  /** See `Fusion.merge`; without the columns of sources that failed. */
  readonly candidates: Candidates;
  /** One entry per source asked. */
  readonly sources: SourceStatus[];
}

/** What one request works in. */
interface Scratch {
  readonly query: Query;
  readonly fusion: Fusion;
  readonly hits: Hits[];
}

interface Outcome {
  readonly status: SourceStatus;
  readonly error: MillraceError | undefined;
}

/** One bundle's retrieval: sources asked together, their lists merged. */
export class RetrieveStage {
  readonly #sources: readonly OpenSource[];
  readonly #catalogue: Catalogue;
  readonly #idle: Scratch[] = [];

  constructor(sources: readonly OpenSource[], catalogue: Catalogue) {
    this.#sources = sources;
    this.#catalogue = catalogue;
  }

  /** A source that fails is left out and named; if all do, the first one's error is thrown. SOURCE_UNKNOWN names a source that is not here. */
  async retrieve(request: Retrieval, call: Call): Promise<Retrieved> {
    const { user, seeds, limit, names, quality } = request;
    this.#checkNames(names);
    const context = { positives: user.positives, seeded: seeds !== undefined, names, quality };
    const orders = plan(this.#sources, context);
    const scratch = this.#takeScratch();
    scratch.query.set(request);
    const outcomes = await Promise.all(orders.map((order, i) => this.#ask(order, scratch, i, call)));
    const failures = outcomes.flatMap(({ error }) => error ?? []);
    if (failures.length > 0 && failures.length === orders.length) throw allFailed(failures);
    const lists = orders.flatMap(({ asked: { name, weight } }, i): RankedList[] =>
      outcomes[i].error === undefined ? [{ name, weight, hits: scratch.hits[i] }] : [],
    );
    const listed = (item: number): boolean => this.#catalogue.item(item) !== undefined;
    const candidates = scratch.fusion.merge(lists, limit, listed);
    // A source that ran out of time may still write into its hits.
    if (failures.length === 0) this.#idle.push(scratch);
    return { candidates, sources: outcomes.map(({ status }) => status) };
  }

  get sourceNames(): string[] {
    return this.#sources.map(({ name }) => name);
  }

  close(): void {
    for (const { source } of this.#sources) source.close?.();
  }

  #checkNames(names: readonly string[]): void {
    for (const [i, name] of names.entries()) {
      if (this.#sources.some((known) => known.name === name)) continue;
      const there = this.#sources.map((known) => known.name).join(', ');
      throw fieldError(`sources[${i}]`, `${JSON.stringify(name)} is none of ${there}`, 'SOURCE_UNKNOWN');
    }
  }

  #takeScratch(): Scratch {
    return (
      this.#idle.pop() ?? {
        query: new Query(this.#catalogue),
        fusion: new Fusion(),
        hits: this.#sources.map(() => new Hits()),
      }
    );
  }

  /** Fills `scratch.hits[slot]`. */
  async #ask(
    { asked: { name, source }, quota }: Order,
    { query, hits }: Scratch,
    slot: number,
    call: Call,
  ): Promise<Outcome> {
    const out = hits[slot];
    const startedAt = performance.now();
    const status: SourceStatus = { name, count: 0, durationUs: 0, error: '' };
    let error: MillraceError | undefined;
    try {
      await inSpan(`source ${name}`, SpanKind.INTERNAL, call.trace, async () => {
        checkAlive(call);
        out.reset(quota);
        const later = source.retrieve(query, quota, out);
        if (later !== undefined)
          await untilDeadline(later, within(call, remainingMs(call) * SOURCE_DEADLINE_SHARE));
        checkFinite(out);
      });
      status.count = out.count;
    } catch (thrown) {
      error = asMillraceError(thrown);
      status.error = error.reason;
    }
    status.durationUs = Math.round((performance.now() - startedAt) * 1000);
    return { status, error };
  }
}

function checkFinite({ items, scores, count }: Hits): void {
  const bad = firstNonFinite(scores.subarray(0, count));
  if (bad !== -1) throw new MillraceError('INTERNAL', `score ${scores[bad]} for item ${items[bad]}`);
}

function allFailed(failures: readonly MillraceError[]): MillraceError {
  const messages = failures.map(({ message }) => message).join('; ');
  return new MillraceError(failures[0].reason, `every source failed: ${messages}`, { cause: failures[0] });
}
