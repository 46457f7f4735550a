/**
 * A manual page or a completion as a file to install. `path` is below a prefix such as `/usr` or
 * `/usr/local`. The zsh of Debian and Ubuntu reads `share/zsh/vendor-completions` under `/usr`, and
 * `share/zsh/site-functions` only under `/usr/local`.
 */
export type ManualFile = { path: string; content: string };
