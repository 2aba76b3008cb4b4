// One <video> playing one channel at a time with hls.js: start, live latency, quality, retries.
// Emits `change` on itself; reads nothing of the page around the video.

// A show that takes longer to start, a cold worker's first picture included, is tried again.
const kStartMs = 15000;
const kRetryDelaysMs = [1000, 2000, 4000, 8000];

// What is tuned, and why:
const kHlsConfig = {
  // Parts and blocking reloads; without it hls.js plays three target durations (6 s) behind.
  lowLatencyMode: true,
  // The target is the playlist's PART-HOLD-BACK (three parts). hls.js adds a whole second for every
  // stall, up to one target duration, and never takes it back: one hiccup would double the latency.
  liveSyncOnStallIncrease: 0.1,
  // A correction of the position goes to what is already buffered, never into a hole.
  liveSyncMode: "buffered",
  // hls.js speeds up only with more than 1 s of buffer, which a player 0.6 s behind never has.
  // Its own control is off (1 = never faster); #steer() below does it from what the buffer holds.
  maxLiveSyncPlaybackRate: 1,
  // What has been played stays until the browser's own limit (`backBufferLength` is not set): hls.js
  // 1.7, when it removes played media while a part is on its way, forgets that the parts before it
  // are buffered, and waits at the end of their segment for seconds.
  // The live edge is the natural limit; this bounds memory where the window is long.
  maxBufferLength: 10,
  maxMaxBufferLength: 20,
  // Start in the middle of the ladder's range rather than at its bottom: a wrong guess costs one
  // switch, and the first segment shows whether it was right.
  abrEwmaDefaultEstimate: 4e6,
  // There is no advertising to be scheduled.
  enableInterstitialPlayback: false,
  // A stall shows after 1.25 s by default: longer than the whole buffer at this latency.
  detectStallWithCurrentTimeMs: 500,
};

// Control of the latency by the playback rate. Faster than 1.08 is heard in music; slower than 0.94
// in speech. Chromium keeps the pitch.
const kSteerIntervalMs = 100;
const kFastest = 1.08;
const kSlowest = 0.94;
// Seconds beyond the target from which it jumps: catching up would take half a minute.
const kTooFarSeconds = 2.5;
const kLostSeconds = 8; // Then also to where nothing is buffered yet.
// hls.js begins at the key frame before the live position. While joining, a jump is not noticed.
const kJoinSeconds = 0.4;
const kJoinMs = 4000;
const kThinBufferSeconds = 0.12;
// hls.js may leave out the last tenths of a second of a show and wait for them for ever.
const kShowTailSeconds = 0.25;
// A picture that stands at the end of a show has ended; one that stands so long otherwise is begun
// anew, be it that hls.js waits for what another show's playlist does not have.
const kEndMs = 500;
const kStandMs = 8000;
// For so long a rung that sleeps may take to wake up before it is switched to all the same.
const kWakeMs = 3000;

export class Player extends EventTarget {
  #hls = null;
  #video;
  #channel = null;
  #url = null;
  #steerTimer = 0;
  #retryTimer = 0;
  #startTimer = 0;
  #attempts = 0;
  #mediaErrorAt = -Infinity;
  #joinedAt = -Infinity;
  #message = "";
  #state = "idle"; // idle, loading, playing, stalled, retrying, failed, ended
  #choice = -1;
  #language = null; // The name of the sound track that the viewer chose.
  #stalls = 0;
  #errors = [];
  #codecs = [];
  #rateBefore = 1;
  #timeSeen = 0; // Of the video, and since when it is that.
  #movedAt = 0;

  constructor(video) {
    super();
    this.#video = video;
    video.addEventListener("playing", () => this.#onPlaying());
    video.addEventListener("waiting", () => this.#onWaiting());
    video.addEventListener("ended", () => this.end());
    this.#steerTimer = setInterval(() => this.#steer(), kSteerIntervalMs);
  }

  get channel() { return this.#channel; }
  get hls() { return this.#hls; }

  /** Everything a page, a test or a support request wants to know, as plain values. */
  snapshot() {
    const hls = this.#hls;
    const quality = this.#video.getVideoPlaybackQuality?.();
    const known = (value) => (Number.isFinite(value) ? value : null);
    return {
      channel: this.#channel,
      state: this.#state,
      message: this.#message,
      latency: hls && hls.latency > 0 ? hls.latency : null,
      targetLatency: known(hls?.targetLatency),
      clockLatency: hls?.playingDate ? (Date.now() - hls.playingDate.getTime()) / 1000 : null,
      buffer: this.#ahead(),
      rate: this.#video.playbackRate,
      time: this.#video.currentTime,
      droppedFrames: quality?.droppedVideoFrames ?? 0,
      totalFrames: quality?.totalVideoFrames ?? 0,
      stalls: this.#stalls,
      width: this.#video.videoWidth,
      height: this.#video.videoHeight,
      bandwidth: known(hls?.bandwidthEstimate),
      choice: this.#choice,
      playingLevel: hls ? hls.currentLevel : -1,
      levels: this.levels(),
      sounds: this.sounds(),
      playingSound: hls ? hls.audioTrack : -1,
      errors: [...this.#errors],
    };
  }

  /** The rungs in the order of hls.js: { index, name, bitrate, width, height }. */
  levels() {
    return (this.#hls?.levels ?? []).map((level, index) => ({
      index,
      name: nameOf(level),
      bitrate: level.bitrate,
      width: level.width,
      height: level.height,
    }));
  }

  /** The sound tracks in the order of hls.js: { index, name, lang }. */
  sounds() {
    return (this.#hls?.audioTracks ?? []).map(({ name, lang }, index) => ({ index, name, lang }));
  }

  /**
   * Plays a channel from its live edge; the same one again starts over. `token`: of a signed URL,
   * where the channel wants one.
   */
  play(channel, token = null) {
    this.#teardown();
    this.#channel = channel;
    const prefix = token ? `/s/${encodeURIComponent(token)}` : "";
    this.#url = `${prefix}/live/${encodeURIComponent(channel)}/index.m3u8`;
    this.#attempts = 0;
    this.#choice = -1;
    this.#language = null;
    this.#stalls = 0;
    this.#errors = [];
    this.#start();
  }

  /** Stops, and shows `message`. */
  stop(message = "") {
    this.#teardown();
    this.#channel = null;
    this.#set("idle", message);
  }

  /** The show is over: the last picture stays. */
  end() {
    this.#set("ended", "The show has ended.");
  }

  /** A rung by its index; -1 leaves the choice to the measured bandwidth. */
  choose(index) {
    this.#choice = index;
    this.#changed();
    const hls = this.#hls;
    if (!hls) return;
    this.#wake(hls, index).finally(() => {
      // loadLevel changes what is fetched next and keeps what is buffered, so the switch is seamless
      // and at most the buffer (half a second) late.
      if (this.#hls === hls && this.#choice === index) hls.loadLevel = index;
    });
  }

  /**
   * Resolves when the rung `index` has the newest part that this player knows. A rung that nobody
   * watched takes a moment to be encoded, in which hls.js would load nothing: longer than its buffer,
   * where the machine is busy. Asked for a position, the server holds its answer until then.
   */
  async #wake(hls, index) {
    const uri = hls.levels[index]?.uri;
    const { live, lastPartSn, lastPartIndex } = hls.latestLevelDetails ?? {};
    if (!uri || !live || !(lastPartIndex >= 0) || index === hls.loadLevel) return;
    const url = new URL(uri, location.href);
    url.searchParams.set("_HLS_msn", lastPartSn);
    url.searchParams.set("_HLS_part", lastPartIndex);
    // Whatever the answer, the rung is tried then, and hls.js deals with its errors.
    await fetch(url, { signal: AbortSignal.timeout(kWakeMs) }).catch(() => {});
  }

  /** A sound track by its index. */
  listen(index) {
    this.#language = this.sounds()[index]?.name ?? null;
    if (this.#hls) this.#hls.audioTrack = index;
    this.#changed();
  }

  #start() {
    const Hls = window.Hls;
    this.#set("loading", "Loading …");
    this.#startTimer = setTimeout(() => {
      if (this.#state === "loading") this.#retry("The stream does not start.");
    }, kStartMs);
    if (!Hls?.isSupported()) return this.#startNative();
    const hls = new Hls(kHlsConfig);
    this.#hls = hls;
    believeTheBuffer(hls);
    forgetPartsOnSwitch(hls);
    hls.on(Hls.Events.MANIFEST_LOADED, (_, data) => {
      const all = data.levels.flatMap((level) => (level.attrs.CODECS ?? "").split(","));
      this.#codecs = [...new Set(all)];
    });
    hls.on(Hls.Events.MANIFEST_PARSED, () => {
      if (this.#choice >= 0) hls.loadLevel = this.#choice;
      this.#play();
      this.#changed();
    });
    hls.on(Hls.Events.LEVEL_LOADED, (_, data) => {
      // It ended while this viewer came. Its last seconds are not worth a start, and their URLs go
      // with the next show.
      if (this.#state !== "loading" || data.details.live) return;
      this.#teardown();
      this.end();
    });
    hls.on(Hls.Events.LEVELS_UPDATED, () => this.#changed());
    hls.on(Hls.Events.LEVEL_SWITCHED, () => this.#changed());
    hls.on(Hls.Events.AUDIO_TRACKS_UPDATED, () => {
      const chosen = this.sounds().find(({ name }) => name === this.#language);
      if (chosen) hls.audioTrack = chosen.index;
      this.#changed();
    });
    hls.on(Hls.Events.AUDIO_TRACK_SWITCHED, () => this.#changed());
    hls.on(Hls.Events.FRAG_BUFFERED, () => { this.#attempts = 0; });
    hls.on(Hls.Events.ERROR, (_, data) => this.#onError(data));
    hls.loadSource(this.#url);
    hls.attachMedia(this.#video);
  }

  /** Where there are no Media Source Extensions (iPhone) the system plays HLS by itself. */
  #startNative() {
    if (!this.#video.canPlayType("application/vnd.apple.mpegurl")) {
      return this.#set("failed", "This browser has no Media Source Extensions: it cannot play this.");
    }
    this.#video.onerror = () => this.#retry("The stream cannot be played.");
    this.#video.src = this.#url;
    this.#play();
  }

  #play() {
    this.#video.play().catch((error) => {
      if (error.name === "NotAllowedError") this.#set("idle", "Press play to start.");
    });
  }

  #teardown() {
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#startTimer);
    this.#video.onerror = null;
    this.#hls?.destroy();
    this.#hls = null;
    this.#video.removeAttribute("src");
    this.#video.load();
    this.#video.playbackRate = 1;
  }

  #onPlaying() {
    if (this.#state === "loading") this.#joinedAt = performance.now();
    this.#set("playing", "");
  }

  #onWaiting() {
    if (this.#state !== "playing" || this.#video.seeking) return; // Our own jumps are no stalls.
    this.#stalls += 1;
    this.#set("stalled", "Waiting for the stream …");
  }

  #onError(data) {
    const Hls = window.Hls;
    const status = data.response?.code ?? null;
    this.#errors.push({ type: data.type, details: data.details, fatal: data.fatal, status,
      reason: String(data.reason ?? data.error?.message ?? "") });
    if (this.#errors.length > 100) this.#errors.shift();
    this.#changed();
    if (!data.fatal) return;
    const codec = codecProblem(data.details, this.#codecs);
    if (codec) {
      this.#teardown();
      return this.#set("failed", codec);
    }
    const recent = performance.now() - this.#mediaErrorAt < 5000;
    if (data.type === Hls.ErrorTypes.MEDIA_ERROR && !recent) {
      this.#mediaErrorAt = performance.now();
      return this.#hls.recoverMediaError();
    }
    this.#retry(inWords(data, status));
  }

  #retry(why) {
    const delay = kRetryDelaysMs[Math.min(this.#attempts, kRetryDelaysMs.length - 1)];
    this.#attempts += 1;
    this.#teardown();
    this.#set("retrying", `${why} Trying again in ${delay / 1000} s.`);
    this.#retryTimer = setTimeout(() => this.#start(), delay);
  }

  /** Seconds playable from here on without a hole. */
  #ahead() {
    const { buffered, currentTime } = this.#video;
    for (let i = 0; i < buffered.length; i += 1) {
      if (buffered.start(i) <= currentTime + 0.05 && buffered.end(i) > currentTime) {
        return buffered.end(i) - currentTime;
      }
    }
    return 0;
  }

  /** For how many milliseconds the picture has stood that should move. */
  #stoodFor() {
    const { currentTime, paused } = this.#video;
    const moves = this.#state === "playing" || this.#state === "stalled";
    if (currentTime !== this.#timeSeen || paused || !moves) {
      this.#timeSeen = currentTime;
      this.#movedAt = performance.now();
    }
    return performance.now() - this.#movedAt;
  }

  /** Whether it waits for media that will never come: the playlist has its EXT-X-ENDLIST. */
  #isAtTheEnd() {
    return this.#hls?.latestLevelDetails?.live === false && this.#ahead() < kShowTailSeconds;
  }

  #steer() {
    const hls = this.#hls;
    const video = this.#video;
    const stood = this.#stoodFor();
    if (stood > kEndMs && this.#isAtTheEnd()) return this.end();
    if (stood > kStandMs && hls) return this.#retry("The stream does not go on.");
    if (!hls || video.paused || video.seeking || this.#state !== "playing") return;
    const behind = hls.latency - hls.targetLatency;
    if (!(hls.latency > 0) || !Number.isFinite(behind)) return;
    const ahead = this.#ahead();
    const position = hls.liveSyncPosition;
    const buffered = position - video.currentTime < ahead;
    const joining = performance.now() - this.#joinedAt < kJoinMs;
    const tooFar = joining ? kJoinSeconds : kTooFarSeconds;
    if (position && (behind > kLostSeconds || (behind > tooFar && buffered))) {
      video.currentTime = position;
      return;
    }
    let rate = this.#rateBefore;
    if (ahead < kThinBufferSeconds) {
      rate = kSlowest; // Stretch what is left rather than stall.
    } else if (behind > 0.08 && ahead > 0.3) {
      rate = Math.min(kFastest, 1 + behind * 0.2);
    } else if (behind < 0.03 || ahead < 0.2) {
      rate = 1;
    }
    rate = Math.round(rate * 100) / 100;
    this.#rateBefore = rate;
    if (video.playbackRate !== rate) video.playbackRate = rate;
  }

  #set(state, message) {
    this.#state = state;
    this.#message = message;
    this.#changed();
  }

  #changed() { this.dispatchEvent(new Event("change")); }
}

/**
 * hls.js takes a segment for complete when at most 0.2 s of it are missing in the buffer. With parts
 * of 0.2 s that is the last part, and audio's last part is shorter still: where a playlist with the
 * end of the segment overtakes the part before it, the end is never loaded, and the player stalls.
 * No option sets that tolerance, so it is set where hls.js 1.7 keeps it.
 */
function believeTheBuffer(hls) {
  const tracker = hls.streamController?.fragmentTracker;
  if (typeof tracker?.bufferPadding === "number") tracker.bufferPadding = 0.01;
}

/**
 * hls.js 1.7 remembers which parts of a level it has loaded. Who leaves a level and comes back within
 * one segment would go on behind them, though the other level has taken their place in the buffer:
 * without the segment's key frame nothing is decoded up to the next one.
 */
function forgetPartsOnSwitch(hls) {
  hls.on(window.Hls.Events.LEVEL_SWITCHING, (_, { level }) => {
    for (const part of hls.levels[level]?.details?.partList ?? [])
      part.elementaryStreams = { audio: null, video: null, audiovideo: null };
  });
}

function nameOf(level) {
  const path = /\/([^/]+)\/[^/]*\.m3u8/.exec(level.url?.[0] ?? level.uri ?? "");
  if (path) return decodeURIComponent(path[1]);
  return level.name || (level.height ? `${level.height}p` : "audio");
}

/** What to tell a viewer whose browser lacks a decoder; empty for every other error. */
function codecProblem(details, codecs) {
  const known = window.Hls.ErrorDetails;
  if (![known.MANIFEST_INCOMPATIBLE_CODECS_ERROR, known.BUFFER_ADD_CODEC_ERROR,
        known.BUFFER_INCOMPATIBLE_CODECS_ERROR].includes(details)) {
    return "";
  }
  const missing = codecs.filter(
    (codec) => !window.MediaSource.isTypeSupported(`video/mp4; codecs="${codec}"`));
  const list = missing.length ? `: it has no ${missing.join(", ")}` : "";
  return `This browser cannot decode the channel${list}. Try another browser.`;
}

function inWords(data, status) {
  if (status === 403) return "This needs a signed link, or the link's time is over.";
  if (status === 404) return "The channel is not live.";
  if (status === 503) return "The channel has paused.";
  if (status >= 400) return `The server answered ${status}.`;
  if (data.type === window.Hls.ErrorTypes.NETWORK_ERROR) return "The server cannot be reached.";
  if (data.type === window.Hls.ErrorTypes.MEDIA_ERROR) return "The picture could not be decoded.";
  return `The player failed (${data.details}).`;
}
