import type { Arms } from './bandit.ts';
import type { LinearPosterior } from './linear-posterior.ts';

/** The values of arms under a posterior, in memory that is reused. */
export class Projection {
  expected = new Float64Array(0);
  spread = new Float64Array(0);

  /** See `LinearPosterior.project`. Valid until the next one. */
  of(posterior: LinearPosterior, { count, contexts }: Arms): this {
    if (this.expected.length < count) this.expected = new Float64Array(count);
    if (this.spread.length < count * posterior.dimensions)
      this.spread = new Float64Array(count * posterior.dimensions);
    posterior.project(contexts, count, this.expected, this.spread);
    return this;
  }
}
