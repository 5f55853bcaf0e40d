import { describe, expect, it } from 'vitest';
import { parseRuleFile } from './rule-file.ts';

/** The lines of the refusal; empty: none. */
function refusal(text: string): string[] {
  try {
    parseRuleFile(text, 'rules.yaml');
    return [];
  } catch (error) {
    return (error as Error).message.split('\n');
  }
}

const file = (...rules: string[]) => `rules:\n${rules.map((rule) => `  - ${rule}\n`).join('')}`;
const pin = (name: string, match: string, position: number, more = '') =>
  `{name: ${name}, match: ${match}, then: {pin: {position: ${position}}}${more}}`;

describe('a rule file is refused with line, column (here §) and reason for', () => {
  it.each([
    ['§', 'Invalid input: expected object, received null'],
    ['rules: [§', 'Flow sequence'],
    ['rules: []\n§rules: []', 'Map keys must be unique'],
    ['rules: []\n§rulez: []', 'there is no field "rulez"'],
    [file('§{name: x, then: {exclude: true}}'), 'rule "x": match: is missing'],
    [file('§{match: {ids: a}, then: {exclude: true}}'), 'name: '],
    [file('{name: x, match: §{}, then: {exclude: true}}'), 'rule "x": match: needs a condition'],
    [file('{name: x, match: {ids: a}, then: §{}}'), 'rule "x": then: needs exactly one of boost, bury'],
    [
      file('{name: x, match: {ids: a}, then: §{exclude: true, pin: {position: 1}}}'),
      'rule "x": then: needs exactly one of boost, bury',
    ],
    [
      file('{name: x, match: {ids: a}, then: {pin: {position: §0}}}'),
      'rule "x": then.pin.position: Too small',
    ],
    [
      file('{name: x, match: {ids: a}, then: {pin: {position: §501}}}'),
      'rule "x": then.pin.position: Too big',
    ],
    [
      file('{name: x, match: {ids: a}, then: {boost: {factor: §.nan}}}'),
      'rule "x": then.boost.factor: Invalid input: expected number, received NaN',
    ],
    [file('{name: x, match: {ids: a}, then: {boost: {factor: §0.5}}}'), 'rule "x": then.boost.factor: Too'],
    [file('{name: x, match: {ids: a}, then: {bury: {factor: §0}}}'), 'rule "x": then.bury.factor: Too'],
    [file('{name: x, match: {ids: a}, then: {exclude: true}, bonus: §.inf}'), 'rule "x": bonus: '],
    [
      file('{name: x, match: {§category: a}, then: {exclude: true}}'),
      'rule "x": match: there is no field "category"',
    ],
    [file('{name: x, when: {§planet: a}, match: {ids: a}, then: {exclude: true}}'), 'rule "x": when'],
    [
      file('{name: x, match: {ageDays: §{atLeast: 2, atMost: 1}}, then: {exclude: true}}'),
      'rule "x": match.ageDays: atLeast exceeds atMost',
    ],
    [
      file('{name: x, match: {attributes: {year: §true}}, then: {exclude: true}}'),
      'rule "x": match.attributes.year: expected a text',
    ],
    [file('{name: x, then: {freshness: §oldestFirst}}'), 'rule "x": then.freshness: expected newestFirst'],
    [
      file('{name: x, match: {ids: a}, then: {require: §{itemsMin: 4, within: 3}}}'),
      'rule "x": then.require: 4 items do not fit into the first 3',
    ],
    [
      file(pin('x', '{ids: a}', 1), '{name: §x, match: {ids: b}, then: {exclude: true}}'),
      'rule "x": names an earlier rule too',
    ],
    [
      file(pin('a', '{ids: x}', 7), '{name: b, match: {ids: y}, then: {pin: {position: §7}}}'),
      'rule "b": "a" pins position 7 too; priorities would say which one comes first',
    ],
    [file(pin('a', '{ids: x}', 1, ', overrides: [§gone]')), 'rule "a": there is no rule "gone"'],
    [file(pin('a', '{ids: x}', 1, ', overrides: §a')), 'rule "a": overrides in a circle: "a" → "a"'],
    [
      file(
        pin('a', '{ids: x}', 1, ', overrides: b'),
        pin('b', '{ids: y}', 2, ', overrides: [c]'),
        pin('c', '{ids: z}', 3, ', overrides: §[a]'),
      ),
      'rule "c": overrides in a circle: "a" → "b" → "c" → "a"',
    ],
    [`${file(pin('a', '{ids: x}', 1))}sets: {calm: [a, §b]}`, 'sets.calm: there is no rule "b"'],
    [
      file(
        '{name: x, match: {categories: War, attributes: {year: 1997}}, then: {require: §{itemsMin: 1, within: 5}}}',
        '{name: ban, match: {categories: [Horror, War]}, then: {exclude: true}}',
      ),
      'rule "x": "ban" excludes every item that this rule matches',
    ],
    [
      file(
        '{name: x, match: {categories: War}, then: {require: §{itemsMin: 3, within: 10}}}',
        '{name: c, then: {cap: {field: categories, itemsMax: 2}}}',
      ),
      'rule "x": needs 3 items where "c" leaves at most 2 in the first 10',
    ],
    [
      file(
        '{name: c, then: {cap: {itemsMax: 1, window: 2}}}',
        '{name: x, match: {categories: War}, then: {require: §{itemsMin: 3, within: 4}}}',
      ),
      'rule "x": needs 3 items where "c" leaves at most 2 in the first 4',
    ],
  ])('%j', (marked, reason) => {
    const before = marked.slice(0, marked.indexOf('§')).split('\n');
    const place = `rules.yaml:${before.length}:${before[before.length - 1].length + 1}`;
    expect(refusal(marked.replace('§', ''))).toContainEqual(expect.stringContaining(`${place}: ${reason}`));
  });

  it('all its faults at once, in the order of the file', () => {
    const text = `rules:
  - name: one
    match: {ids: a}
    then: {pin: {position: 900}}
  - name: two
    match: {ids: b}
    then: {boost: {factor: .nan}}
    colour: red
  - name: three
    match: {ids: b}
    then: {exclude: true}
    overrides: [one, four]
`;
    expect(refusal(text).map((line) => line.split(': ').slice(0, 3).join(': '))).toEqual([
      'rules.yaml:4:28: rule "one": then.pin.position',
      'rules.yaml:7:28: rule "two": then.boost.factor',
      'rules.yaml:8:5: rule "two": there is no field "colour"',
      'rules.yaml:12:22: rule "three": there is no rule "four"',
    ]);
  });
});

describe('a rule file is accepted', () => {
  const need = (more = '') =>
    `{name: x, match: {categories: War}, then: {require: {itemsMin: 2, within: 10}}${more}}`;
  it.each([
    file(pin('a', '{ids: x}', 7), pin('b', '{ids: y}', 7, ', priority: 1')),
    file(
      pin('a', '{ids: x}', 1, ', when: {surface: home}'),
      pin('b', '{ids: y}', 1, ', when: {surface: [search, Mail]}'),
    ),
    file(need(), '{name: c, then: {cap: {field: categories, itemsMax: 2}}}'),
    file(need(', overrides: ban'), '{name: ban, match: {categories: War}, then: {exclude: true}}'),
    `${file(pin('a', '{ids: x}', 7), pin('b', '{ids: y}', 7))}sets: {one: [a], two: [b]}`,
  ])('%j', (text) => {
    expect(refusal(text)).toEqual([]);
  });

  it('by priority, then by its order, with places and a version that comments do not change', () => {
    const text = file(
      pin('a', '{ids: x}', 1),
      pin('b', '{ids: y}', 2, ', priority: 5'),
      pin('c', '{ids: z}', 3),
    );
    const { rules, version } = parseRuleFile(text, 'rules.yaml');
    expect(rules.map(({ name, place }) => `${name} ${place}`)).toEqual([
      'b rules.yaml:3:5',
      'a rules.yaml:2:5',
      'c rules.yaml:4:5',
    ]);
    expect(parseRuleFile(`# a comment\n${text}`, 'rules.yaml').version).toBe(version);
    expect(parseRuleFile(text.replace('z', 'w'), 'rules.yaml').version).not.toBe(version);
  });
});
