/**
 * All manual pages and completions as files, for what installs them. They come from the same definitions as
 * the help.
 */
import { completionScript } from "./completion-script.ts";
import type { ManualFile } from "./manual-file.ts";
import { formatPage, listPages } from "./pages.ts";
import type { Roles } from "./program.ts";

/** Returns the files of the program with these roles. */
export function manualFiles(roles: Roles): ManualFile[] {
  const pages = listPages().map((page): ManualFile => {
    const { name, section } = page;
    return { path: `share/man/man${section}/${name}.${section}`, content: formatPage(page, roles) };
  });
  return [...pages, ...completionFiles()];
}

/** bash and fish look for a file with the name of the program that is completed. */
function completionFiles(): ManualFile[] {
  const names = ["negotiator", "negotiator-host", "negotiator-guest"];
  const bash = completionScript("bash");
  const fish = completionScript("fish");
  return [
    ...names.map((name) => ({ path: `share/bash-completion/completions/${name}`, content: bash })),
    ...names.map((name) => ({ path: `share/fish/vendor_completions.d/${name}.fish`, content: fish })),
    { path: "share/zsh/site-functions/_negotiator", content: completionScript("zsh") },
  ];
}
