import { StemmaError } from "@stemma/encoding";

/** Exit codes of the command: 0 ok or allow, 1 deny or refused, 2 wrong usage, 3 cannot tell. */
export type ExitCode = 0 | 1 | 2 | 3;

/** Every refusal of the command itself, with the exit code that it makes. */
export const CLI_CODES = {
  usage: 2,
  file_unreadable: 2,
  file_exists: 2,
  passphrase_missing: 2,
  not_signable: 2,
  key_may_not_sign: 1,
  already_signed: 1,
  bytes_not_as_shown: 1,
  path_outside_workdir: 1,
  not_a_regular_file: 1,
  name_not_recordable: 1,
  command_not_found: 2,
  layout_not_publishable: 1,
  too_much_attached: 1,
  unknown_project: 1,
  unknown_key: 2,
  nothing_to_change: 2,
  no_pinned_root: 2,
  part_not_here: 2,
  no_identity_token: 2,
  sigstore_refused: 1,
  sigstore_unreachable: 3,
  server_unreachable: 3,
  server_answer_invalid: 3,
} as const satisfies Record<string, ExitCode>;

export type CliCode = keyof typeof CLI_CODES;

/** Thrown by this package only. */
export class CliError extends StemmaError<CliCode> {}

/** What a server answered instead of doing what it was asked (RFC 9457). */
export class ServerProblem extends Error {
  /** The stable code, as the server gave it. */
  readonly code: string;
  readonly status: number;
  readonly advice: string | undefined;

  constructor(problem: { code: string; status: number; detail: string; advice?: string | undefined }) {
    super(problem.detail);
    this.name = "ServerProblem";
    this.code = problem.code;
    this.status = problem.status;
    this.advice = problem.advice;
  }
}
