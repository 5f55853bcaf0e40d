import type { Proof } from './proof.ts';

/** The proofs by name: what each promises, and where it is. */
export const PROOFS: Readonly<Record<string, { promise: string; load: () => Promise<Proof> }>> = {
  faults: {
    promise:
      'no answer is late, silent about a fault or unsafe, and no acknowledged event is lost, while stages die',
    load: async () => (await import('./faults.ts')).verifyFaults,
  },
  catalogue: {
    promise:
      'blocked items are gone and new ones found at once, under load, with the same ordinals everywhere',
    load: async () => (await import('./catalogue.ts')).verifyCatalogue,
  },
  'filter-leak': {
    promise:
      'nothing blocked, hidden or seen is among a million items shown, whatever becomes of the filtering stage',
    load: async () => (await import('./filter-leak/filter-leak.ts')).verifyFilterLeak,
  },
  'log-crash': {
    promise:
      'no acknowledged event is lost or counted twice in log, lake and features, whatever is killed and whatever was not fsynced',
    load: async () => (await import('./log-crash/log-crash.ts')).verifyLogCrash,
  },
  parity: {
    promise: 'every served feature vector is made again from the lake alone, bit for bit',
    load: async () => (await import('./parity/parity.ts')).verifyParity,
  },
  forget: {
    promise:
      'after ForgetUser no file holds the user, and all else is as it was, whatever is killed meanwhile',
    load: async () => (await import('./forget/forget.ts')).verifyForget,
  },
  'ips-coverage': {
    promise: 'the 95% intervals of IPS hold the true value of a policy in 92–98% of uniform logs',
    load: async () => (await import('./ips-coverage.ts')).verifyIpsCoverage,
  },
  month: {
    promise:
      'over a simulated month the full re-ranking stage earns no less than greedy relevance and shows twice as much of the catalogue',
    load: async () => (await import('./month/month.ts')).verifyMonth,
  },
  propensities: {
    promise: 'every recorded probability is the one that slots, policies and both were drawn with',
    load: async () => (await import('./propensities/propensities.ts')).verifyPropensities,
  },
  regret: {
    promise: 'bandits regret as little as the literature has it, and an ensemble follows a change of taste',
    load: async () => (await import('./regret/regret.ts')).verifyRegret,
  },
  trace: {
    promise: 'the trace of one request shows every stage under the right parent, in one process and split',
    load: async () => (await import('./trace.ts')).verifyTrace,
  },
  'dp-audit': {
    promise:
      'no mechanism and no private answer tells neighbouring logs apart better than it claims, and faults are found',
    load: async () => (await import('./dp-audit/dp-audit.ts')).verifyDpAudit,
  },
  'dp-cases': {
    promise: "Google's statistical cases for private counts, sums and means accept the mechanisms",
    load: async () => (await import('./dp-cases/dp-cases.ts')).verifyDpCases,
  },
  'local-privacy': {
    promise:
      'estimates from reports that were randomised at the edge are unbiased, and their intervals cover',
    load: async () => (await import('./local-privacy.ts')).verifyLocalPrivacy,
  },
  'privacy-ledger': {
    promise: 'no answer is ever missing from the privacy ledger, whenever the service is killed',
    load: async () => (await import('./privacy-ledger.ts')).verifyPrivacyLedger,
  },
};
