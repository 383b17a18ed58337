// Opens the page as a person would: the token into Headers, one press on Run; prints what the browser saw as JSON.
import { chromium } from "playwright-core";

const [address, token, executablePath] = process.argv.slice(2);
const STEP_MS = 20_000;
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(STEP_MS);
  const complaints = [];
  const hosts = new Set();
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => request.url().startsWith("http") && hosts.add(new URL(request.url()).host));
  await page.goto(address);
  await page.locator(".graphiql-execute-button").waitFor();
  const tabs = await page.locator(".graphiql-tab").allInnerTexts();
  const headers = page.locator(".graphiql-editor-tool .CodeMirror").last();
  await headers.click();
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText(JSON.stringify({ Authorization: `Bearer ${token}` }));
  await page.locator(".graphiql-execute-button").click();
  const result = page.locator(".result-window .CodeMirror");
  await page.waitForFunction(
    () => /"(data|errors)"/.test(document.querySelector(".result-window .CodeMirror")?.CodeMirror.getValue() ?? ""),
  );
  const answer = await result.evaluate((element) => element.CodeMirror.getValue());
  await page.getByRole("button", { name: "Show Documentation Explorer" }).click();
  const documented = await page.locator(".graphiql-doc-explorer").innerText();
  const stored = await page.evaluate(() => JSON.stringify(localStorage));
  console.log(JSON.stringify({ tabs, complaints, hosts: [...hosts], answer: JSON.parse(answer), documented, stored }));
} finally {
  await browser.close();
}
