import { type Call, remainingMs, within } from '../../common/rpc/call.ts';
import type { OrchestratorConfig, StageName } from './config.ts';
import { STAGES } from './config.ts';

/** Divides what is left of a request's time: a stage gets its share of the shares still to come. */
export class Budget {
  readonly #call: Call;
  readonly #deadlineMs: number;
  readonly #reserveMs: number;
  readonly #shares: OrchestratorConfig['shares'];

  constructor(call: Call, config: Pick<OrchestratorConfig, 'deadlineMs' | 'reserveMs' | 'shares'>) {
    this.#call = within(call, config.deadlineMs);
    this.#deadlineMs = config.deadlineMs;
    this.#reserveMs = config.reserveMs;
    this.#shares = config.shares;
  }

  /** Milliseconds that the stage may take now; 0 or less: none. */
  shareMs(stage: StageName): number {
    let toCome = 0;
    for (let i = STAGES.indexOf(stage); i < STAGES.length; i++) toCome += this.#shares[STAGES[i]];
    return ((remainingMs(this.#call) - this.#reserveMs) * this.#shares[stage]) / toCome;
  }

  /** What the stage may take, or would get of a whole deadline if the caller left less: what its pace is judged by. */
  paceMs(stage: StageName): number {
    let all = 0;
    for (const name of STAGES) all += this.#shares[name];
    return Math.max(this.shareMs(stage), ((this.#deadlineMs - this.#reserveMs) * this.#shares[stage]) / all);
  }

  /** The call with the stage's share as its deadline. */
  callFor(stage: StageName): Call {
    return within(this.#call, this.shareMs(stage));
  }
}

const SLOW_SHARE = 0.6;
const CALM_SHARE = 0.3;
const SHED_FACTOR = 0.8;
const RECOVERY_STEP = 0.05;

/**
 * The quality factor of one stage: the share of its usual work that it should do. It falls by a fifth whenever the stage takes
 * most of its time share and rises slowly while it takes little (additive increase, multiplicative decrease), so that candidate
 * counts shrink before anything times out.
 */
export class Quality {
  readonly #min: number;
  #value = 1;

  constructor(min: number) {
    this.#min = min;
  }

  get value(): number {
    return this.#value;
  }

  /** Takes note that the stage needed `tookMs` where `paceMs` is what it may take. */
  observe(tookMs: number, paceMs: number): void {
    if (tookMs > SLOW_SHARE * paceMs) this.#value = Math.max(this.#min, this.#value * SHED_FACTOR);
    else if (tookMs < CALM_SHARE * paceMs) this.#value = Math.min(1, this.#value + RECOVERY_STEP);
  }
}
