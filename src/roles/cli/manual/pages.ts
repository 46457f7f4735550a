/** THE LIST of manual pages. */
import { VERSION } from "../../../version.ts";
import audit from "../../../../docs/AUDIT.md" with { type: "text" };
import commands from "../../../../docs/COMMANDS.md" with { type: "text" };
import policy from "../../../../docs/POLICY.md" with { type: "text" };
import settings from "../../../../docs/SETTINGS.md" with { type: "text" };
import { formatDocument } from "./document-page.ts";
import type { Roles } from "./program.ts";
import { formatProgramPage, formatRolePage } from "./program-page.ts";
import { bold, escapeRoff, pageTitle } from "./roff.ts";

/** A page. `body` returns what stands after its name, as roff. */
export type ManualPage = { name: string; section: 1 | 5 | 7; title: string; body: (roles: Roles) => string };

const PAGES: readonly ManualPage[] = [
  {
    name: "negotiator",
    section: 1,
    title: "run commands of KVM/QEMU guests from their host, and back",
    body: formatProgramPage,
  },
  ...(["host", "guest"] as const).map((role): ManualPage => ({
    name: `negotiator-${role}`,
    section: 1,
    title: `negotiator ${role === "host" ? "on a hypervisor" : "in a guest"}: subcommands and options`,
    body: (roles) =>
      roles
        .filter((one) => one.role === role)
        .map(formatRolePage)
        .join("\n"),
  })),
  {
    name: "negotiator.toml",
    section: 5,
    title: "settings of negotiator",
    body: () => formatDocument(settings),
  },
  {
    name: "negotiator-policy",
    section: 5,
    title: "who may call what through negotiator",
    body: () => formatDocument(policy),
  },
  {
    name: "negotiator-audit",
    section: 5,
    title: "record of calls through negotiator",
    body: () => formatDocument(audit),
  },
  {
    name: "negotiator-commands",
    section: 7,
    title: "commands that negotiator offers to the other side",
    body: () => formatDocument(commands),
  },
];

/** Returns all pages. */
export function listPages(): readonly ManualPage[] {
  return PAGES;
}

/** Returns a page as roff for man(7). */
export function formatPage(page: ManualPage, roles: Roles): string {
  const { name, section, title } = page;
  const others = PAGES.filter((other) => other !== page).map(
    (other) => `${bold(other.name)}(${other.section})`,
  );
  return [
    pageTitle(name, section, VERSION),
    ".nh",
    ".ad l",
    ".SH NAME",
    `${escapeRoff(name)} \\- ${escapeRoff(title)}`,
    page.body(roles).replaceAll(/^(\.S[HS] .*)\n\.PP\n/gm, "$1\n"),
    ".SH SEE ALSO",
    others.join(",\n"),
    "",
  ].join("\n");
}
