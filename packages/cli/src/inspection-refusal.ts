/** Why an inspection was not carried out, as the rest of a sentence. It never leaves the command: it becomes a note. */
export class InspectionRefusal extends Error {}

/** Names that in-toto leaves out of what an inspection finds, as patterns: links, git's own files, leftovers. */
export const INSPECTION_EXCLUDES: readonly string[] = ["*.link*", ".git", "*.pyc", "*~"];
