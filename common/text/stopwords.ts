/**
 * English function words, in the form in which the tokeniser yields them (lower case, apostrophes removed).
 * Source: the 33 words of Lucene's EnglishAnalyzer, with pronouns and auxiliaries of the Snowball English list.
 */
export const ENGLISH_STOPWORDS: readonly string[] = (
  'a an and are as at be but by for if in into is it no not of on or such that the their then there these they ' +
  'this to was will with about after all am any because been before being both can did do does doing during each ' +
  'few from had has have having he her here hers him his how i its me more most my nor only other our out over ' +
  'own same she should so some than them through too under until up very we were what when where which while who ' +
  'whom why you your dont cant wont im ive isnt wasnt'
).split(' ');
