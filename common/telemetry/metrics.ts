import { createServer, type Server } from 'node:http';
import { Counter, collectDefaultMetrics, Gauge, Histogram, register } from 'prom-client';

/** A gauge whose value is measured when it is asked for. */
class MeasuredGauge {
  #measure: (() => number) | undefined;

  constructor(options: { name: string; help: string }) {
    const measure = (): number | undefined => this.#measure?.();
    new Gauge({
      ...options,
      collect() {
        const value = measure();
        if (value !== undefined) this.set(value);
      },
    });
  }

  /** What measures it from now on. */
  measured(measure: () => number): void {
    this.#measure = measure;
  }
}

/** Every metric of Millrace, in Prometheus' naming: `_total` counts, seconds and bytes as base units. */
export const metrics = {
  rpcSeconds: new Histogram({
    name: 'millrace_rpc_seconds',
    help: 'Time of served RPCs by method and canonical code.',
    labelNames: ['method', 'code'],
    buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5],
  }),
  rpcInFlight: new Gauge({
    name: 'millrace_rpc_in_flight',
    help: 'RPCs being served, by service.',
    labelNames: ['service'],
  }),
  forgetPending: new Gauge({
    name: 'millrace_forget_pending',
    help: 'Requests to forget a person that are not done, by whether their deadline has passed.',
    labelNames: ['overdue'],
  }),
  degradedTotal: new Counter({
    name: 'millrace_degraded_total',
    help: 'Answers that were worse than they should be, by stage and reason.',
    labelNames: ['stage', 'reason'],
  }),
  guardRemovedTotal: new Counter({
    name: 'millrace_guard_removed_total',
    help: 'Items that only the last look removed, by reason.',
    labelNames: ['reason'],
  }),
  catalogueEpoch: new Gauge({
    name: 'millrace_catalogue_epoch',
    help: 'The catalogue epoch that a service has folded.',
    labelNames: ['service'],
  }),
  logAppendedTotal: new Counter({
    name: 'millrace_log_appended_total',
    help: 'Events made durable, by kind.',
    labelNames: ['kind'],
  }),
  logCutBytesTotal: new Counter({
    name: 'millrace_log_cut_bytes_total',
    help: 'Bytes of torn tails cut on recovery.',
  }),
  lakeLagEvents: new Gauge({
    name: 'millrace_lake_lag_events',
    help: 'Events of the log that are not in the lake yet.',
  }),
  lakeFilesTotal: new Counter({
    name: 'millrace_lake_files_total',
    help: 'Files committed to the lake.',
  }),
  lakeBytesTotal: new Counter({
    name: 'millrace_lake_bytes_total',
    help: 'Bytes of files committed to the lake.',
  }),
  lakeFailuresTotal: new Counter({
    name: 'millrace_lake_failures_total',
    help: 'Attempts to roll into the lake that failed and will be made again.',
  }),
  privacyQueriesTotal: new Counter({
    name: 'millrace_privacy_queries_total',
    help: 'Private queries by outcome: OK or the reason of the refusal.',
    labelNames: ['outcome'],
  }),
  privacyEpsilonSpent: new Gauge({
    name: 'millrace_privacy_epsilon_spent',
    help: 'What an analyst has spent of a data window, at the granted delta.',
    labelNames: ['analyst', 'window'],
  }),
  spooledTotal: new Counter({
    name: 'millrace_spooled_total',
    help: 'Decision records that went to the local spool.',
  }),
  spoolDroppedTotal: new Counter({
    name: 'millrace_spool_dropped_total',
    help: 'Decision records lost because the spool was full.',
  }),
  qualityRatio: new Gauge({
    name: 'millrace_quality_ratio',
    help: 'Share of the usual work that load shedding leaves to a stage.',
    labelNames: ['stage'],
  }),
  exposedTotal: new Counter({
    name: 'millrace_exposed_total',
    help: 'Slots of slates by the group of the item in them; `all` for every slot.',
    labelNames: ['group'],
  }),
  exposureGini: new MeasuredGauge({
    name: 'millrace_exposure_gini_ratio',
    help: 'Gini coefficient of the slots that items held lately, over the whole catalogue.',
  }),
  bloomRebuiltTotal: new Counter({
    name: 'millrace_bloom_rebuilt_total',
    help: 'Bloom filters made anew because they had grown, by what they hold.',
    labelNames: ['filter'],
  }),
  exploredSlotsTotal: new Counter({
    name: 'millrace_explored_slots_total',
    help: 'Slots of slates whose item was drawn; its share of millrace_exposed_total{group="all"} is the share explored.',
  }),
  exploredPropensityTotal: new Counter({
    name: 'millrace_explored_propensity_total',
    help: 'Sum of the propensities of the items in explored slots: over their number, the mean.',
  }),
  posteriorVersion: new Gauge({
    name: 'millrace_posterior_version',
    help: '1 for the version of the posteriors that bandits serve by.',
    labelNames: ['version'],
  }),
  posteriorAgeSeconds: new Gauge({
    name: 'millrace_posterior_age_seconds',
    help: 'Time since the last event that the posteriors in force have learnt from.',
  }),
  posteriorRefused: new Gauge({
    name: 'millrace_posterior_refused',
    help: '1 while the published posteriors are refused and older ones serve on.',
  }),
  ensembleWeight: new Gauge({
    name: 'millrace_ensemble_weight_ratio',
    help: "Weight of an ensemble's member, by what the ensemble chooses and the half-life of the member.",
    labelNames: ['place', 'half_life'],
  }),
  banditOutcomesTotal: new Counter({
    name: 'millrace_bandit_outcomes_total',
    help: 'Draws that the learner has learnt from, by what was drawn.',
    labelNames: ['place'],
  }),
  bloomFalsePositiveRatio: new Gauge({
    name: 'millrace_bloom_false_positive_ratio',
    help: 'Measured false-positive rate of Bloom filters, by what they hold.',
    labelNames: ['filter'],
  }),
  rulesRefused: new Gauge({
    name: 'millrace_rules_refused',
    help: '1 while the rule file is refused and older rules serve on.',
  }),
  tlsRefused: new Gauge({
    name: 'millrace_tls_refused',
    help: '1 while the TLS files are refused and older ones stay in use.',
  }),
  tlsValidUntil: new Gauge({
    name: 'millrace_tls_valid_until_timestamp_seconds',
    help: 'When the first certificate of the chain that this process shows expires, since the Unix epoch.',
  }),
  scoreDrift: new Histogram({
    name: 'millrace_score_drift',
    help: 'Mean squared difference of the second stage’s probabilities from its teacher’s, of sampled requests.',
    labelNames: ['bundle'],
    buckets: [1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1],
  }),
  scoreChurn: new Histogram({
    name: 'millrace_score_churn_ratio',
    help: 'Share of the list that differs between the second stage and its teacher, of sampled requests: 1 - overlap of the first ten (top10), 1 - rank-biased overlap (rbo).',
    labelNames: ['bundle', 'measure'],
    buckets: [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1],
  }),
};

/** Serves the process's metrics in Prometheus' text format under `/metrics`. Port 0 takes a free one. */
export async function serveMetrics(port: number, host: string): Promise<Server> {
  collectDefaultMetrics();
  const server = createServer(async (request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-type': register.contentType }).end(await register.metrics());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  server.unref();
  return server;
}
