import { type Call, remainingMs, within } from '../../common/rpc/call.ts';
import type { OrchestratorConfig, StageName } from './config.ts';
import { STAGES } from './config.ts';

/** Divides what is left of a request's time: a stage gets its share of the shares still to come. */
export class Budget {
  readonly #call: Call;
  readonly #reserveMs: number;
  readonly #shares: OrchestratorConfig['shares'];

  constructor(call: Call, config: Pick<OrchestratorConfig, 'deadlineMs' | 'reserveMs' | 'shares'>) {
    this.#call = within(call, config.deadlineMs);
    this.#reserveMs = config.reserveMs;
    this.#shares = config.shares;
  }

  /** Milliseconds that the stage may take now; 0 or less: none. */
  shareMs(stage: StageName): number {
    let toCome = 0;
    for (let i = STAGES.indexOf(stage); i < STAGES.length; i++) toCome += this.#shares[STAGES[i]];
    return ((remainingMs(this.#call) - this.#reserveMs) * this.#shares[stage]) / toCome;
  }

  /** The call with the stage's share as its deadline. */
  callFor(stage: StageName): Call {
    return within(this.#call, this.shareMs(stage));
  }
}

const SLOW_SHARE = 0.6;
const CALM_SHARE = 0.3;
const SHED_FACTOR = 0.8;
const RECOVERY_STEP = 0.02;

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

  /** Takes note that the stage needed `tookMs` of the `shareMs` that it had. */
  observe(tookMs: number, shareMs: number): void {
    if (tookMs > SLOW_SHARE * shareMs) this.#value = Math.max(this.#min, this.#value * SHED_FACTOR);
    else if (tookMs < CALM_SHARE * shareMs) this.#value = Math.min(1, this.#value + RECOVERY_STEP);
  }
}
