/** Command lines that a message gives to a person. */
import { expect, test } from "bun:test";
import { attachAgainRemedy, attachLine, virshAt } from "../../src/discovery/attach-line.ts";

const URI = "qemu+ssh://kvm 1/system";

test("the line that gives a guest its usual port has no option", () => {
  expect(attachLine("web1", "negotiator-host-to-guest.0")).toBe("negotiator host add-channel web1");
});

test("another port and a libvirt that was set are options, quoted for a shell", () => {
  expect(attachLine("web1", "my port.0")).toBe("negotiator host add-channel --port 'my port.0' web1");
  expect(attachLine("web1", "other.0", URI)).toBe(
    `negotiator host add-channel --connect '${URI}' --port other.0 web1`,
  );
});

test("the remedy for a port that was attached twice removes and adds it, at the same libvirt", () => {
  expect(attachAgainRemedy("web1")).toBe(
    "Attach it again: negotiator host remove-channel web1; negotiator host add-channel web1",
  );
  expect(attachAgainRemedy("web1", URI)).toBe(
    `Attach it again: negotiator host remove-channel --connect '${URI}' web1; ` +
      `negotiator host add-channel --connect '${URI}' web1`,
  );
});

test("a line for virsh names the URI that was set", () => {
  expect(virshAt("qemu:///session")).toBe("virsh --connect qemu:///session");
  expect(virshAt(URI)).toBe(`virsh --connect '${URI}'`);
});
