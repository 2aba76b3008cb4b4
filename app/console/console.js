// The page: the list of channels from the control API, and what the player says of itself.
import { Player } from "/player.js";

const kPollMs = 2000;
const kFiguresMs = 250;

const $ = (id) => document.getElementById(id);
const player = new Player($("video"));
let channels = [];
let wanted = new URLSearchParams(location.search).get("channel");
// Of a channel that plays with a signed URL only: /?channel=NAME&token=TOKEN.
const token = new URLSearchParams(location.search).get("token");
let chosenByViewer = wanted !== null;

/** Makes an element; text is always text, never markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// --- Numbers in words -----------------------------------------------------------------------

function bitrate(bitsPerSecond) {
  if (!bitsPerSecond) return "–";
  if (bitsPerSecond >= 1e6) return `${(bitsPerSecond / 1e6).toFixed(1)} Mb/s`;
  return `${Math.round(bitsPerSecond / 1e3)} kb/s`;
}

function uptime(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const s = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(s / 3600);
  const minutes = Math.floor(s / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${minutes}:${two(s % 60)}`;
}

const seconds = (value) => (value === null ? "–" : `${value.toFixed(2)} s`);

// --- Channels -------------------------------------------------------------------------------

/** What the server says of its channels; throws where it cannot be asked. */
async function ask() {
  const response = await fetch("/api/v1/channels", {
    cache: "no-store", signal: AbortSignal.timeout(5000) });
  if (!response.ok) throw new Error(`it answered ${response.status}`);
  return response.json();
}

async function poll() {
  setTimeout(poll, kPollMs);
  const status = await ask().catch((error) => error);
  const lost = status instanceof Error;
  $("server").textContent = lost ? `server not reachable (${status.message})`
    : `version ${status.version}`;
  $("server").dataset.state = lost ? "lost" : "there";
  if (lost) return;
  channels = status.channels ?? [];
  showChannels();
  follow();
}

/** Starts what the viewer wants as soon as it can be played. */
function follow() {
  const playable = channels.filter((channel) => channel.playable);
  if (wanted === null && !chosenByViewer && playable.length === 1) select(playable[0].name, false);
  if (wanted === null) return;
  const channel = channels.find((candidate) => candidate.name === wanted);
  const { state } = player.snapshot();
  const idle = player.channel !== wanted || state === "ended";
  if (!idle) return;
  if (channel?.playable && channel.state !== "ended") {
    player.play(wanted, token);
  } else if (player.channel !== wanted) {
    player.stop(`“${wanted}” is not live. It starts here as soon as it is.`);
  }
}

function select(name, byViewer = true) {
  chosenByViewer ||= byViewer;
  wanted = name;
  const query = new URLSearchParams(token ? { channel: name, token } : { channel: name });
  if (byViewer) history.replaceState(null, "", `/?${query}`);
  $("title").textContent = name;
  document.title = `${name} · millrace`;
  if (player.channel !== null) player.stop("");
  showChannels();
  follow();
}

function renditionRow(rendition) {
  const picture = rendition.kind === "video" && rendition.width
    ? `${rendition.width}×${rendition.height}` : "–";
  const rate = rendition.frame_rate ? ` @ ${Math.round(rendition.frame_rate * 100) / 100}` : "";
  return make("tr", { title: rendition.codecs },
    make("th", { scope: "row" }, rendition.name),
    make("td", {}, picture + rate),
    make("td", {}, rendition.refused ? "refused" : rendition.idle ? "idle" : bitrate(rendition.bits_per_second)));
}

/** What is wrong with what the publisher sends; notes stay with the API. */
function findings(channel) {
  const told = (channel.report ?? []).filter((finding) => finding.severity !== "note");
  if (told.length === 0) return [];
  return [make("ul", { class: "findings", "aria-label": `What ${channel.name}'s encoder could do better` },
    ...told.map((finding) => make("li", { "data-severity": finding.severity },
      finding.text, " ", make("span", { class: "remedy" }, finding.remedy))))];
}

function channelItem(channel) {
  const words = { live: "live", waiting: "waiting", ended: "ended" };
  const button = make("button", { type: "button", "aria-pressed": String(channel.name === wanted) },
    make("span", { class: "name" }, channel.name),
    make("span", { class: "state" }, words[channel.state] ?? channel.state));
  button.addEventListener("click", () => select(channel.name));
  const facts = channel.state === "live" ? [`up ${uptime(channel.uptime_seconds)}`] : [];
  if (channel.publisher?.protocol) facts.push(channel.publisher.protocol.toUpperCase());
  if (!channel.playable) facts.push("not playable yet");
  const item = make("li", {
    class: "channel", "data-name": channel.name, "data-state": channel.state,
    "data-selected": String(channel.name === wanted) },
    button, make("p", { class: "about" }, facts.join(" · ")), ...findings(channel));
  if (channel.renditions?.length) {
    item.append(make("table", { class: "renditions" },
      make("caption", { class: "visually-hidden" }, `Renditions of ${channel.name}`),
      make("thead", {}, make("tr", {},
        make("th", { scope: "col" }, "Rung"), make("th", { scope: "col" }, "Picture"),
        make("th", { scope: "col" }, "Rate"))),
      make("tbody", {}, ...channel.renditions.map(renditionRow))));
  }
  return item;
}

function showChannels() {
  const focused = document.activeElement?.closest?.(".channel")?.dataset.name;
  $("list").replaceChildren(...channels.map(channelItem));
  if (focused) {
    document.querySelector(`.channel[data-name="${CSS.escape(focused)}"] button`)?.focus();
  }
  const live = channels.filter((channel) => channel.state === "live").length;
  $("count").textContent = channels.length ? `${live} live` : "";
  $("empty").hidden = channels.length > 0;
}

// --- Player ---------------------------------------------------------------------------------

const shownChoices = new Map();

/** Radio buttons in `box`, one for each of `options`; rebuilt only when these change. */
function showRadios(box, options, choose) {
  const key = JSON.stringify(options.map(({ index, label }) => [index, label]));
  if (shownChoices.get(box) === key) return;
  shownChoices.set(box, key);
  $(box).replaceChildren(...options.map(({ index, label, title }) => {
    const input = make("input", { type: "radio", name: box, value: index });
    input.addEventListener("change", () => choose(index));
    return make("label", { title, "data-index": index }, input, make("span", {}, label));
  }));
}

/** The quality switch: automatic and each rung. */
function showRungs(state) {
  const order = [...state.levels].sort((a, b) => b.bitrate - a.bitrate);
  showRadios("choices", [{ index: -1, label: "Auto", title: "By the measured bandwidth" },
    ...order.map((level) => ({ index: level.index, label: level.name,
      title: `${level.width ? `${level.width}×${level.height}, ` : ""}${bitrate(level.bitrate)}` }))],
  (index) => player.choose(index));
  for (const label of $("choices").children) {
    const index = Number(label.dataset.index);
    label.firstChild.checked = index === state.choice;
    label.lastChild.classList.toggle("playing", index >= 0 && index === state.playingLevel);
  }
  $("rungs").hidden = state.levels.length === 0;
}

/** The languages, where there is more than one. */
function showSounds(state) {
  showRadios("sounds", state.sounds.map(({ index, name, lang }) => (
    { index, label: name, title: lang })), (index) => player.listen(index));
  for (const label of $("sounds").children) {
    label.firstChild.checked = Number(label.dataset.index) === state.playingSound;
  }
  $("languages").hidden = state.sounds.length < 2;
}

function showNotice(state) {
  const notice = $("notice");
  if (notice.textContent !== state.message) notice.textContent = state.message;
  notice.classList.toggle("quiet", state.state === "stalled");
  const playing = state.state === "playing" || state.state === "stalled";
  $("screen").dataset.state = state.state === "idle" && !state.channel ? "idle" : state.state;
  $("badge").hidden = !playing;
  $("figures").hidden = state.channel === null;
  $("unmute").hidden = !(playing && $("video").muted);
  $("audio-only").hidden = !(playing && state.height === 0 && state.time > 0.5);
}

function showFigures() {
  const state = player.snapshot();
  const late = state.latency !== null && state.targetLatency !== null
    && state.latency > state.targetLatency + 0.5;
  $("latency").textContent = seconds(state.latency);
  $("latency").className = state.latency === null ? "" : late ? "bad" : "good";
  $("badge-latency").textContent = state.latency === null ? "" : `${state.latency.toFixed(1)} s`;
  $("target").textContent = seconds(state.targetLatency);
  $("buffer").textContent = seconds(state.channel ? state.buffer : null);
  $("rate").textContent = `${state.rate.toFixed(2)}×`;
  $("dropped").textContent = `${state.droppedFrames} / ${state.totalFrames}`;
  $("stalls").textContent = String(state.stalls);
  $("stalls").className = state.stalls ? "bad" : "";
  $("picture").textContent = state.height ? `${state.width}×${state.height}` : "–";
  $("throughput").textContent = state.latency === null ? "–" : bitrate(state.bandwidth);
}

player.addEventListener("change", () => {
  const state = player.snapshot();
  showNotice(state);
  showRungs(state);
  showSounds(state);
});
$("unmute").addEventListener("click", () => {
  $("video").muted = false;
  showNotice(player.snapshot());
});
$("video").addEventListener("volumechange", () => showNotice(player.snapshot()));
$("publish").textContent = `rtmp://${location.hostname}/live`;

// For a look from the browser's own console: millrace.player.snapshot().
window.millrace = { player };

if (wanted !== null) select(wanted, false);
setInterval(showFigures, kFiguresMs);
poll();
