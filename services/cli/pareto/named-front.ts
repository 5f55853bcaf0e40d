import { stringify } from 'yaml';
import { scatterChart } from '../../../common/charts/scatter-chart.ts';
import { tableLines } from '../table.ts';
import { balancedPoint, paretoFront } from './front.ts';
import type { SweptAim, SweptPolicy } from './sweep.ts';

/** The name of the point that a policy is chosen by for all aims alike. */
const BALANCED = 'balanced';

/** A point of the front. */
export interface NamedPolicy extends SweptPolicy {
  /** `p1`, the most relevant, and so on. */
  readonly name: string;
  readonly isBalanced: boolean;
}

/** The front over relevance and the swept aims, by falling relevance. */
export function namedFront(swept: readonly SweptPolicy[], aims: readonly SweptAim[]): NamedPolicy[] {
  const all = ['ndcg', ...aims];
  const worths = swept.map(({ worth }) => worth);
  const front = paretoFront(worths, all)
    .map((i) => swept[i])
    .sort((a, b) => b.worth.ndcg - a.worth.ndcg);
  const balanced = balancedPoint(
    front.map(({ worth }) => worth),
    all,
  );
  return front.map((policy, i) => ({ ...policy, name: `p${i + 1}`, isBalanced: i === balanced }));
}

/** A line a point. */
export function frontTable(front: readonly NamedPolicy[], k: number): string[] {
  const right = 'right' as const;
  const figures = ['ndcg', 'diversity', 'novelty', 'freshness', 'coverage', 'gini'];
  const columns = [
    { title: 'policy' },
    { title: 'weights beside relevance 1' },
    ...figures.map((name) => ({ title: name === 'ndcg' ? `ndcg@${k}` : name, align: right })),
  ];
  const rows = front.map(({ name, isBalanced, weights, worth }) => [
    isBalanced ? `${name} ${BALANCED}` : name,
    othersOf(weights),
    ...figures.map((figure) => worth[figure].toFixed(figure === 'novelty' ? 2 : 4)),
  ]);
  return tableLines(columns, rows);
}

/** Each aim of the front against relevance, from its least to its most over the front. */
export function frontChart(front: readonly NamedPolicy[], aims: readonly SweptAim[], k: number): string {
  const series = aims.map((aim) => {
    const values = front.map(({ worth }) => worth[aim]);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return {
      name: aim,
      isJoined: false,
      points: front.map(({ worth, name, isBalanced }, i) => ({
        x: worth.ndcg,
        y: high === low ? 1 : (values[i] - low) / (high - low),
        label: isBalanced ? `${name} ${BALANCED}` : '',
      })),
    };
  });
  return scatterChart({
    title: 'What relevance costs: the policies that no other beats',
    xLabel: `NDCG@${k}`,
    yLabel: 'share of the range over the front',
    series,
  });
}

/** The front as a file of policies. */
export function policiesYaml(front: readonly NamedPolicy[], selector: string): string {
  const policies: Record<string, object> = {};
  for (const { name, isBalanced, weights } of front) {
    policies[name] = { weights, selector };
    if (isBalanced) policies[BALANCED] = { weights, selector };
  }
  return stringify({ policies }, { flowCollectionPadding: true, collectionStyle: 'any' });
}

function othersOf({ relevance: _, ...others }: Readonly<Record<string, number>>): string {
  return Object.entries(others)
    .filter(([, weight]) => weight > 0)
    .map(([aim, weight]) => `${aim} ${weight}`)
    .join(', ');
}
