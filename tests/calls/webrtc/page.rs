//! The page that browsers of these tests are on, and what it can do.

/// `session` begins one, `socket` a listener's websocket, `heard` tells since when tones are heard, `stats` what the browser has counted.
pub(super) const PAGE: &str = r#"<!doctype html><title>Studio</title><script>
const sessions = {};

async function session(name, path, key, direction) {
  const pc = new RTCPeerConnection();
  const the = sessions[name] = { pc, key, tones: {}, levels: [] };
  if (direction === 'sendrecv') {
    const wanted = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    const stream = await navigator.mediaDevices.getUserMedia({ audio: wanted });
    the.sender = pc.addTransceiver(stream.getAudioTracks()[0], { direction, streams: [stream] }).sender;
  } else {
    pc.addTransceiver('audio', { direction });
  }
  pc.ontrack = event => listen(the, new MediaStream([event.track]));
  const offer = await pc.createOffer();
  // Chromium takes two channels only when it says so.
  if (path.includes('stereo')) offer.sdp = offer.sdp.replace('useinbandfec=1', 'useinbandfec=1;stereo=1');
  await pc.setLocalDescription(offer);
  const headers = { 'Content-Type': 'application/sdp', Authorization: 'Bearer ' + key };
  const reply = await fetch(path, { method: 'POST', headers, body: pc.localDescription.sdp });
  const text = await reply.text();
  if (reply.status !== 201) return { status: reply.status, text };
  the.location = reply.headers.get('Location');
  await pc.setRemoteDescription({ type: 'answer', sdp: text });
  await until(() => pc.connectionState === 'connected', 10000);
  return { status: reply.status, call: reply.headers.get('Callwright-Call'), location: the.location };
}

async function until(so, patience) {
  const end = performance.now() + patience;
  while (!so()) {
    if (performance.now() > end) return false;
    await new Promise(done => setTimeout(done, 10));
  }
  return true;
}

// Chromium gives Web Audio the sound of a remote stream only when an element plays it as well.
function listen(the, stream) {
  const audio = new Audio();
  audio.srcObject = stream;
  audio.muted = true;
  audio.play();
  the.audio = audio;
  const context = new AudioContext();
  const split = context.createChannelSplitter(2);
  context.createMediaStreamSource(stream).connect(split);
  the.ears = [0, 1].map(side => {
    const ear = context.createAnalyser();
    ear.fftSize = 2048;
    ear.smoothingTimeConstant = 0;
    split.connect(ear, side);
    return ear;
  });
  the.hertz = context.sampleRate / 2048;
  the.timer = setInterval(() => the.ears.forEach((ear, side) => look(the, ear, side)), 10);
}

// Notes the loudest frequency of each side, and when it was first heard.
function look(the, ear, side) {
  const bins = new Float32Array(ear.frequencyBinCount);
  ear.getFloatFrequencyData(bins);
  let best = 0;
  for (let bin = 1; bin < bins.length; bin++) if (bins[bin] > bins[best]) best = bin;
  if (bins[best] < -60) return;
  const tone = side + ':' + Math.round(best * the.hertz / 100) * 100;
  const seen = the.tones[tone] ??= { first: performance.timeOrigin + performance.now(), times: 0 };
  seen.times += 1;
}

// Listens by the websocket, and notes when a tone is first in the left channel.
async function socket(name, path, hertz) {
  const wire = new WebSocket(location.origin.replace('http', 'ws') + path);
  const the = sessions[name] = { wire };
  wire.binaryType = 'arraybuffer';
  wire.onmessage = message => {
    if (typeof message.data === 'string' || the.heard) return;
    const samples = new Int16Array(message.data, 8);
    let re = 0, im = 0, all = 0;
    for (let n = 0; n < 160; n++) {
      const angle = n * hertz * 2 * Math.PI / 8000, sample = samples[2 * n];
      re += sample * Math.cos(angle), im += sample * Math.sin(angle), all += sample * sample;
    }
    if (all > 160 * 300 * 300 && 2 * (re * re + im * im) > 0.5 * all * 160) the.heard = performance.timeOrigin + performance.now();
  };
  return until(() => wire.readyState === 1, 5000);
}

async function reported(name) {
  let told;
  for (let tries = 0; tries < 100; tries++) {
    told = await stats(name);
    if (told['remote-inbound-rtp']?.roundTripTime !== undefined) break;
    await new Promise(done => setTimeout(done, 100));
  }
  return told;
}

async function stats(name) {
  const told = {};
  (await sessions[name].pc.getStats()).forEach(stat => {
    if (stat.type === 'inbound-rtp' || stat.type === 'outbound-rtp' || stat.type === 'remote-inbound-rtp') told[stat.type] = stat;
  });
  return told;
}
</script>"#;
