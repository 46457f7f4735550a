/** Prints manual pages. */
import { print } from "../output.ts";
import type { Outcome } from "../subcommand.ts";
import { usageError } from "../usage.ts";
import { formatPage, listPages } from "./pages.ts";
import type { Roles } from "./program.ts";

/** Prints a page as roff, or without a name the list of pages. Throws `BAD_USAGE` for an unknown page. */
export function showPage(name: string | undefined, roles: Roles, isJson: boolean): Promise<Outcome> {
  const pages = listPages();
  if (name === undefined) {
    const width = Math.max(...pages.map((page) => page.name.length + 3));
    const lines = pages.map((page) =>
      isJson
        ? JSON.stringify({ name: page.name, section: page.section, title: page.title })
        : `${`${page.name}(${page.section})`.padEnd(width)}  ${page.title}`,
    );
    return print(lines.join("\n"));
  }
  const found = pages.find((page) => page.name === name || page.name === `negotiator-${name}`);
  if (found !== undefined) return print(formatPage(found, roles));
  const names = pages.map((page) => page.name);
  throw usageError("page", name, names, "negotiator man --help");
}
