/** A message of protobuf's text format: values by field, each field repeated. */
export interface TextMessage {
  readonly [field: string]: readonly (string | number | TextMessage)[];
}

const TOKEN = /#[^\n]*|\s+|[{}[\]:,]|"(?:[^"\\]|\\.)*"|[^\s{}[\]:,"#]+/gy;

/** Parses text format; a SyntaxError where it is none. */
export function parseText(text: string): TextMessage {
  const tokens = [...text.matchAll(TOKEN)].map(([token]) => token).filter((token) => !/^(#|\s)/.test(token));
  let at = 0;
  const message = (end: string | undefined): TextMessage => {
    const fields: Record<string, (string | number | TextMessage)[]> = {};
    while (tokens[at] !== end) {
      const name = tokens[at++];
      if (name === undefined) throw new SyntaxError('the text ends within a message');
      fields[name] ??= [];
      fields[name].push(...values());
    }
    at++;
    return fields;
  };
  const values = (): (string | number | TextMessage)[] => {
    if (tokens[at] === ':') at++;
    if (tokens[at] === '{') {
      at++;
      return [message('}')];
    }
    if (tokens[at] !== '[') return [scalar(tokens[at++])];
    const list: (string | number)[] = [];
    for (at++; tokens[at] !== ']'; at++) if (tokens[at] !== ',') list.push(scalar(tokens[at]));
    at++;
    return list;
  };
  return message(undefined);
}

function scalar(token: string): string | number {
  if (token.startsWith('"')) return JSON.parse(token) as string;
  return Number.isNaN(Number(token)) ? token : Number(token);
}
