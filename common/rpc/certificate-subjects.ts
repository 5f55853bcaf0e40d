import type { PeerCertificate } from 'node:tls';

/** What a certificate may be known by in the configuration: `CN:ana`, `DNS:host`, `URI:spiffe://shop/ana`, `email:ana@shop`. */
export const SUBJECT = /^(CN|DNS|URI|email):\S.*$/;

/** The subject as it is compared: names of hosts without regard to case. */
export function comparableSubject(subject: string): string {
  return subject.startsWith('DNS:') ? subject.toLowerCase().replace('dns:', 'DNS:') : subject;
}

/** All that the certificate may be known by, comparable. */
export function subjectsOf({ subject, subjectaltname = '' }: PeerCertificate): string[] {
  const commonNames = [subject?.CN ?? []].flat().map((name) => `CN:${name}`);
  return [...commonNames, ...alternativeNames(subjectaltname).map(comparableSubject)];
}

/** Node writes `DNS:a, URI:b`, and a name in which that could be read otherwise as a JSON string: `URI:"b, DNS:c"`. */
function alternativeNames(text: string): string[] {
  const names: string[] = [];
  for (const [, kind, name] of text.matchAll(/([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/gy))
    names.push(`${kind}:${name.startsWith('"') ? JSON.parse(name) : name}`);
  return names;
}
