/** Hears how far a long piece of work is. `what` names it for people. */
export type Progress = (what: string, done: number, total: number) => void;
