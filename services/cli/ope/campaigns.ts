import { checkBanditLog } from '../../../common/ope/bandit-log.ts';
import { normalEstimate, valuePolicy } from '../../../common/ope/policy-value.ts';
import { fixedPolicy } from '../../../common/ope/target-policy.ts';
import { banditLogOf, type Campaign, readOpenBandit, thompsonProbabilities } from './open-bandit.ts';
import type { NamedValuation } from './report.ts';

/** Simulated slates; as many as the data set's own pipeline draws. */
const DRAWS = 100_000;
const SEED = 12345;

/** Values Bernoulli Thompson sampling with the priors of the data set on each campaign's uniform log. */
export function valueCampaigns(folder: string, draws = DRAWS): NamedValuation[] {
  return readOpenBandit(folder).map((campaign) => valueCampaign(campaign, draws));
}

function valueCampaign(campaign: Campaign, draws: number): NamedValuation {
  const log = banditLogOf(campaign);
  checkBanditLog(log);
  const target = fixedPolicy(thompsonProbabilities(campaign, draws, SEED))(log);
  const { clicks } = campaign.thompson;
  return {
    policy: campaign.name,
    valuation: valuePolicy(log, target, { seed: SEED }),
    onPolicy: normalEstimate({ numerators: clicks, effectiveRounds: clicks.length }),
  };
}
