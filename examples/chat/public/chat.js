// The page of the chat: one WebSocket, which is made again whenever it is lost.
//
// All that others say is put into the page as text. Each message has an id, which says its
// place, and a token of the page that said it: what arrives twice is shown once.
"use strict";

const at = id => document.getElementById(id);
const body = document.body;
const FIRST = "lobby", PAUSE = 500, LONGEST_PAUSE = 15000;
const FINAL = {4400: "name", 4403: "", 4404: "room", 4422: ""}; // see app.py

const store = {
  get name() { try { return localStorage.getItem("name") || ""; } catch { return this.own || ""; } },
  set name(name) { this.own = name; try { localStorage.setItem("name", name); } catch { /* private */ } },
};
const roomOf = () => location.hash.slice(1) || FIRST;

let socket = null, tries = 0, retry = 0, ticking = 0;
let seen = new Set();      // tokens of the messages that are shown
let pending = new Map();   // token to text, of what this page said and has not seen come back

function node(tag, props, ...children) {
  const made = Object.assign(document.createElement(tag), props);
  made.append(...children);
  return made;
}

function face(name) {
  let hue = 0;
  for (const c of name) hue = (hue * 31 + c.codePointAt(0)) % 360;
  const made = node("span", {className: "face", textContent: [...name][0].toUpperCase(), ariaHidden: "true"});
  made.style.setProperty("--hue", hue);
  return made;
}

// The connection

function connect() {
  stop();
  const url = new URL("chat", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  url.hash = "";
  url.search = new URLSearchParams({room: roomOf(), name: store.name});
  const mine = socket = new WebSocket(url);
  mine.onmessage = event => mine === socket && take(JSON.parse(event.data));
  mine.onclose = event => mine === socket && lost(event);
}

function stop() {
  clearTimeout(retry);
  clearInterval(ticking);
  const old = socket;
  socket = null;
  old?.close();
}

function lost(event) {
  socket = null;
  body.dataset.state = "lost";
  at("again").hidden = event.code in FINAL;
  if (event.code in FINAL) {
    if (FINAL[event.code] === "name") ask(event.reason);
    say(event.reason);
    return;
  }
  // Twice as long each time, and never all pages at once. A server that restarts is back soon.
  const pause = Math.min(LONGEST_PAUSE, PAUSE * 2 ** tries++) * (0.5 + Math.random() / 2);
  const until = Date.now() + pause;
  const tell = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    say(left > 1 ? `The connection is lost. Trying again in ${left} s.` : "The connection is lost. Trying again.");
  };
  tell();
  ticking = setInterval(tell, 250);
  retry = setTimeout(connect, pause);
}

function now() {
  if (body.dataset.state === "lost" && !at("again").hidden) {
    tries = 0;
    connect();
  }
}

function say(text) {
  at("state").textContent = text;
  at("status").hidden = !text;
}

// What the server says

function take(news) {
  if (news.history) {
    tries = 0;
    body.dataset.state = "open";
    body.dataset.worker = news.worker;
    say("");
    news.history.forEach(show);
    for (const [token, text] of pending) send(token, text);
    at("empty").hidden = at("messages").childElementCount > 0;
  }
  if (news.said) show(news.said);
  if (news.people) showPeople(news.people);
  if (news.rooms) showRooms(news.rooms);
}

// before reports whether one id is of an earlier message than another: "time-number".
function before(a, b) {
  const [t, n] = a.split("-").map(Number), [u, m] = b.split("-").map(Number);
  return t < u || t === u && n < m;
}

function show(said) {
  if (pending.delete(said.token)) document.querySelector(`[data-token="${CSS.escape(said.token)}"].wait`)?.remove();
  if (seen.has(said.token)) return;
  seen.add(said.token);
  const list = at("messages"), low = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  const time = new Date(Number(said.id.split("-")[0]));
  const item = message(said, time);
  item.dataset.id = said.id;
  let next = list.querySelector(".wait"), last = next ? next.previousElementSibling : list.lastElementChild;
  while (last && before(said.id, last.dataset.id)) [next, last] = [last, last.previousElementSibling];
  list.insertBefore(item, next);
  group(item);
  group(item.nextElementSibling);
  if (list.childElementCount > 500) list.firstElementChild.remove();
  at("empty").hidden = true;
  if (low || said.name === store.name) bottom();
  else at("latest").hidden = false;
}

function message(said, time) {
  const clock = node("time", {
    dateTime: time.toISOString(), title: time.toLocaleString(),
    textContent: time.toLocaleTimeString([], {hour: "2-digit", minute: "2-digit"}),
  });
  const item = node("li", {}, face(said.name), node("div", {className: "by"}, node("span", {textContent: said.name}), clock),
    node("div", {className: "said", textContent: said.text}));
  item.classList.toggle("mine", said.name === store.name);
  Object.assign(item.dataset, {token: said.token, name: said.name, time: time.getTime()});
  return item;
}

// group has what one person says within five minutes stand together.
function group(item) {
  const last = item?.previousElementSibling;
  item?.classList.toggle("more", !!last && last.dataset.name === item.dataset.name && item.dataset.time - last.dataset.time < 300000);
}

function bottom() {
  at("messages").scrollTop = at("messages").scrollHeight;
  at("latest").hidden = true;
}

function showPeople(people) {
  at("people").replaceChildren(...people.map(name => node("li", {}, face(name), node("span", {textContent: name}))));
  at("count").textContent = people.length;
  at("here").textContent = people.length + " here";
}

function showRooms(rooms) {
  const here = roomOf(), all = [...new Set([FIRST, here, ...rooms])].sort();
  at("rooms").replaceChildren(...all.map(room => {
    const link = node("a", {href: "#" + room, textContent: room});
    if (room === here) link.ariaCurrent = "page";
    return node("li", {}, link);
  }));
}

// What the person does

function send(token, text) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({token, text}));
}

function enter() {
  tries = 0;
  seen = new Set();
  pending = new Map();
  body.dataset.state = "new";
  at("messages").replaceChildren();
  at("empty").hidden = at("latest").hidden = true;
  at("where").textContent = document.title = "# " + roomOf();
  at("me").textContent = store.name;
  showRooms([...at("rooms").querySelectorAll("a")].map(link => link.textContent));
  say("");
  if (store.name) connect();
  else ask("");
}

function ask(why) {
  at("name").value = store.name;
  at("wrong").textContent = why;
  if (!at("who").open) at("who").showModal();
}

at("who").onclose = () => {
  const name = at("name").value.trim().normalize();
  if (name) store.name = name;
  enter();
  if (store.name) at("text").focus();
};
at("me").onclick = () => ask("");
at("say").onsubmit = event => {
  event.preventDefault();
  const text = at("text").value.trim();
  const token = Array.from(crypto.getRandomValues(new Uint32Array(3)), n => n.toString(36)).join("-");
  if (!text) return;
  at("text").value = "";
  pending.set(token, text);
  const item = message({name: store.name, text, token}, new Date());
  item.classList.add("wait");
  at("messages").append(item);
  group(item);
  at("empty").hidden = true;
  bottom();
  send(token, text);
};
at("text").onkeydown = event => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  at("say").requestSubmit();
};
at("open").onsubmit = event => {
  event.preventDefault();
  const room = at("room").value.trim().toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
  at("room").value = "";
  if (room) location.hash = room;
};
at("messages").onscroll = () => {
  const list = at("messages");
  if (list.scrollHeight - list.scrollTop - list.clientHeight < 60) at("latest").hidden = true;
};
at("latest").onclick = bottom;
at("again").onclick = now;
addEventListener("hashchange", enter);
addEventListener("online", now);
document.addEventListener("visibilitychange", () => document.hidden || now());
enter();
