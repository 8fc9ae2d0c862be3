// Makes and presents passkeys: gets the options from the portal, calls the browser's
// dialogue, and sends the form around the button with what it returned.

import { exchange } from "./exchange.mjs";

/** @param {string} text  base64url without padding */
function bytesOf(text) {
  const base64 = text.replaceAll("-", "+").replaceAll("_", "/");
  return Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
}

/** @param {ArrayBuffer|null} buffer */
function textOf(buffer) {
  if (!buffer) return null;
  const binary = Array.from(new Uint8Array(buffer), (one) => String.fromCharCode(one));
  return btoa(binary.join("")).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Return options as the browser takes them: bytes in place of base64url. */
function asBrowserTakes({ publicKey }) {
  const descriptors = (list) => (list ?? []).map((one) => ({ ...one, id: bytesOf(one.id) }));
  return {
    publicKey: {
      ...publicKey,
      challenge: bytesOf(publicKey.challenge),
      ...(publicKey.user && { user: { ...publicKey.user, id: bytesOf(publicKey.user.id) } }),
      excludeCredentials: descriptors(publicKey.excludeCredentials),
      allowCredentials: descriptors(publicKey.allowCredentials),
    },
  };
}

/** Return what the browser made or signed, as JSON with base64url. */
function asPortalTakes(credential) {
  const { response } = credential;
  const names = ["clientDataJSON", "attestationObject", "authenticatorData", "signature"];
  const parts = Object.fromEntries(
    [...names, "userHandle"]
      .filter((name) => response[name])
      .map((name) => [name, textOf(response[name])]),
  );
  return JSON.stringify({
    id: credential.id,
    rawId: textOf(credential.rawId),
    type: credential.type,
    response: parts,
    clientExtensionResults: {},
  });
}

/** Names of texts in the page for what browsers throw (WebAuthn, section 5.1). */
const TEXTS = {
  NotAllowedError: "cancelled",
  AbortError: "cancelled",
  InvalidStateError: "exists",
  SecurityError: "wrong-address",
};

async function optionsFrom(address, form) {
  const token = form.elements.csrfmiddlewaretoken.value;
  const answer = await exchange(address, {
    method: "POST",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ csrfmiddlewaretoken: token }).toString(),
  });
  if (answer.failure) return { failure: "offline" };
  if (answer.status === 429) return { failure: "often" };
  const isAnswered = answer.status === 200 && !answer.isRedirected;
  return isAnswered && answer.body.publicKey ? { options: answer.body } : { failure: "refused" };
}

/** Return the name of the text to show, empty once the form is sent. */
async function usePasskey(part, form) {
  const { options, failure } = await optionsFrom(part.dataset.options, form);
  if (failure) return failure;
  try {
    const taken = asBrowserTakes(options);
    const isNew = part.dataset.passkey === "create";
    const credential = await (isNew
      ? navigator.credentials.create(taken)
      : navigator.credentials.get(taken));
    part.querySelector("[name=credential]").value = asPortalTakes(credential);
  } catch (error) {
    return TEXTS[error.name] ?? "failed";
  }
  // Fields of the other way to prove it may be empty.
  form.noValidate = true;
  form.requestSubmit();
  return "";
}

for (const part of document.querySelectorAll("[data-passkey]")) {
  const isSupported = Boolean(window.PublicKeyCredential && navigator.credentials);
  const without = part.nextElementSibling;
  if (!isSupported) continue;
  part.hidden = false;
  without.hidden = true;
  const button = part.querySelector("button");
  const alert = part.querySelector("[role=alert]");
  button.addEventListener("click", async () => {
    alert.hidden = true;
    button.disabled = true;
    const name = await usePasskey(part, part.closest("form"));
    button.disabled = false;
    if (!name) return;
    alert.querySelector("[data-said]").textContent = part.querySelector(
      `[data-text="${name}"]`,
    ).textContent;
    alert.hidden = false;
  });
}
