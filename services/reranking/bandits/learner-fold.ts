import { z } from 'zod';
import { packArrays, unpackArrays } from '../../../common/arrays.ts';
import { f32Of } from '../../../common/columns.ts';
import { hash32, Random } from '../../../common/random.ts';
import { metrics } from '../../../common/telemetry/metrics.ts';
import { Decision, type Feedback, type RecordedEvent } from '../../../gen/millrace/logging/v1/logging.ts';
import { Action, type Exploration } from '../../../gen/millrace/type/v1/type.ts';
import type { Arms, Bandit } from './bandit.ts';
import type { ExplorationConfig } from './config.ts';
import { ITEM_CONTEXT, ITEM_CONTEXT_LENGTH } from './item-contexts.ts';
import { decodePosteriors, encodePosteriors, newPosteriors, type Posteriors } from './posteriors.ts';
import { SLATE_CONTEXT, SLATE_CONTEXT_LENGTH } from './slate-contexts.ts';

const KIND = 'reranking.learner';
const MINUTE_MS = 60_000;
/** Decisions that wait for their rewards; beyond them the oldest is taken as it is. */
const PENDING_MAX = 200_000;

const metaSchema = z.object({
  offset: z.number(),
  timeMs: z.number(),
  seenAtMs: z.array(z.number()),
  rewards: z.array(z.array(z.tuple([z.string(), z.array(z.enum(Action))]))),
  lengths: z.array(z.number()),
});

/** A decision whose rewards may still come. */
interface Pending {
  /** The log's time when it came. */
  readonly seenAtMs: number;
  /** What was drawn, and of `shown` the ids. */
  readonly decision: Decision;
  /** By item: its different actions. */
  readonly actions: Map<string, Set<Action>>;
}

/**
 * What bandits learn from the log: a function of the events before `offset`, so that the same log gives the same bytes however it was
 * cut into batches. The log's time is the latest time of a decision: a decision is learnt from, in the log's order, when that has passed it
 * by the reward window. Feedback is joined to it by request and item.
 */
export class LearnerFold {
  readonly #config: ExplorationConfig;
  readonly #posteriors: Omit<Posteriors, 'version'>;
  readonly #pending = new Map<string, Pending>();
  #offset = 0;
  #timeMs = 0;

  private constructor(config: ExplorationConfig, posteriors: Posteriors) {
    this.#config = config;
    this.#posteriors = posteriors;
  }

  static empty(config: ExplorationConfig): LearnerFold {
    return new LearnerFold(config, newPosteriors(config));
  }

  /** What `serialise` answered; throws where it is damaged or was learnt by another configuration. */
  static read(config: ExplorationConfig, bytes: Uint8Array): LearnerFold {
    const part = unpackArrays(bytes, KIND);
    const { offset, timeMs, seenAtMs, rewards, lengths } = part.meta(metaSchema);
    const fold = new LearnerFold(config, decodePosteriors(config, part.array('posteriors', 'u8').slice()));
    fold.#offset = offset;
    fold.#timeMs = timeMs;
    const decisions = part.array('decisions', 'u8');
    let at = 0;
    for (const [i, length] of lengths.entries()) {
      const decision = Decision.decode(decisions.subarray(at, at + length));
      const actions = new Map(rewards[i].map(([item, taken]) => [item, new Set(taken)]));
      fold.#pending.set(decision.requestId, { seenAtMs: seenAtMs[i], decision, actions });
      at += length;
    }
    return fold;
  }

  /** Events before it are folded. */
  get offset(): number {
    return this.#offset;
  }

  /** Takes events in, in the log's order; all wanted ones before `nextOffset`. */
  apply(events: readonly RecordedEvent[], nextOffset: number): void {
    for (const { event } of events) {
      if (event?.decision !== undefined) this.#decided(event.decision, event.timeMs);
      else if (event?.feedback !== undefined) this.#acted(event.feedback);
    }
    this.#offset = nextOffset;
  }

  /** What is published: the same learning gives the same bytes. */
  posteriors(): Uint8Array {
    return encodePosteriors(this.#config, { ...this.#posteriors, timeMs: this.#timeMs });
  }

  serialise(): Uint8Array {
    const pending = [...this.#pending.values()];
    const decisions = pending.map(({ decision }) => Decision.encode(decision).finish());
    const meta = {
      offset: this.#offset,
      timeMs: this.#timeMs,
      seenAtMs: pending.map(({ seenAtMs }) => seenAtMs),
      rewards: pending.map(({ actions }) => Array.from(actions, ([item, taken]) => [item, [...taken]])),
      lengths: decisions.map(({ length }) => length),
    };
    const arrays = { posteriors: this.posteriors(), decisions: Uint8Array.from(Buffer.concat(decisions)) };
    return packArrays(KIND, meta, arrays);
  }

  #decided({ requestId, exploration, shown }: Decision, timeMs: number): void {
    this.#timeMs = Math.max(this.#timeMs, timeMs);
    const ripeBefore = this.#timeMs - this.#config.rewardWindowMinutes * MINUTE_MS;
    for (const [id, pending] of this.#pending) {
      if (pending.seenAtMs > ripeBefore && this.#pending.size < PENDING_MAX) break;
      this.#pending.delete(id);
      this.#learn(pending);
    }
    if (exploration.length === 0) return;
    const kept = { requestId, exploration, shown: shown.map(({ itemId }) => ({ itemId })) };
    this.#pending.set(requestId, {
      seenAtMs: this.#timeMs,
      decision: Decision.fromPartial(kept),
      actions: new Map(),
    });
  }

  #acted({ requestId, itemId, action }: Feedback): void {
    const actions = this.#pending.get(requestId)?.actions;
    if (actions === undefined || !this.#config.reward.has(action)) return;
    const taken = actions.get(itemId);
    if (taken === undefined) actions.set(itemId, new Set([action]));
    else taken.add(action);
  }

  #learn({ decision, actions }: Pending): void {
    const rewards = new Map(Array.from(actions, ([item, taken]) => [item, this.#rewardOf(taken)]));
    for (const draw of decision.exploration) {
      if (draw.slot === undefined) {
        const total = decision.shown.reduce((sum, { itemId }) => sum + (rewards.get(itemId) ?? 0), 0);
        this.#take('slates', draw, decision.requestId, unit(total));
      } else {
        const reward = rewards.get(draw.arms[draw.chosen]?.arm ?? '') ?? 0;
        this.#take('slots', draw, decision.requestId, unit(reward));
      }
    }
  }

  #rewardOf(actions: ReadonlySet<Action>): number {
    let sum = 0;
    for (const action of actions) sum += this.#config.reward.get(action) ?? 0;
    return sum;
  }

  /** Learns from a draw of arms as this release sees them; another's, and another bandit's if it has no contexts, are passed over. */
  #take(place: 'slots' | 'slates', draw: Exploration, requestId: string, reward: number): void {
    const bandit: Bandit | undefined = this.#posteriors[place];
    const [name, length] =
      place === 'slots' ? [ITEM_CONTEXT, ITEM_CONTEXT_LENGTH] : [SLATE_CONTEXT, SLATE_CONTEXT_LENGTH];
    const taken = draw.arms[draw.chosen];
    if (bandit === undefined || draw.context !== name || taken === undefined) return;
    const known = draw.arms.filter(({ context }) => context.length === length * 4);
    const chosen = known.indexOf(taken);
    if (chosen === -1 || !(taken.probability > 0)) return;
    const arms: Arms = {
      count: known.length,
      ids: known.map(({ arm }) => arm),
      contexts: f32Of(Buffer.concat(known.map(({ context }) => context))),
    };
    const random = new Random(hash32(`learn ${draw.slot ?? 'slate'} ${requestId}`));
    bandit.learn({ arms, chosen, probability: taken.probability, reward }, random);
    metrics.banditOutcomesTotal.inc({ place });
  }
}

function unit(value: number): number {
  return Math.max(0, Math.min(1, value));
}
