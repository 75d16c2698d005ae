// The page of the shop: what there is, and the stock as it changes.
"use strict";

const at = id => document.getElementById(id);
const stocks = new Map(); // item to the element and the button that depend on its stock

function node(tag, props, ...children) {
  const made = Object.assign(document.createElement(tag), props);
  made.append(...children);
  return made;
}

async function load() {
  const currency = at("currency").value || "EUR";
  const answer = await fetch("items?currency=" + encodeURIComponent(currency));
  if (!answer.ok) throw new Error("items: " + answer.status);
  const {items, rates, since} = await answer.json();
  if (!at("currency").length) at("currency").append(...Object.keys(rates).map(name => new Option(name)));
  const money = new Intl.NumberFormat([], {style: "currency", currency});
  stocks.clear();
  at("items").replaceChildren(...items.map(item => card(item, money)));
  at("since").textContent = "Rates of " + new Date(1000 * since).toLocaleTimeString();
}

function card(item, money) {
  const stock = node("span", {className: "stock"});
  const button = node("button", {type: "button", textContent: "Buy", onclick: () => buy(item.id)});
  stocks.set(item.id, {stock, button});
  show(item);
  return node("article", {}, node("h2", {textContent: item.name}), node("span", {className: "price", textContent: money.format(item.price)}),
    node("p", {className: "about", textContent: item.about}), stock, button);
}

function show({id, stock}, isNews) {
  const of = stocks.get(id);
  if (!of) return;
  of.stock.textContent = stock ? stock + " left" : "Sold out";
  of.stock.className = "stock" + (stock < 6 ? " few" : "");
  of.button.disabled = !stock;
  if (isNews) {
    void of.stock.offsetWidth; // has the animation begin again
    of.stock.classList.add("new");
  }
}

async function buy(id) {
  const answer = await fetch(`items/${id}/buy`, {method: "POST"});
  if (answer.status === 409) show({id, stock: 0});
}

function live(is) {
  at("live").textContent = is ? "live" : "not connected: the stock may have changed";
  at("live").className = is ? "on" : "";
}

// The browser connects again by itself, and then asks for what it has missed.
const events = new EventSource("live");
events.addEventListener("ready", () => load().then(() => live(true), () => live(false)));
events.onmessage = event => show(JSON.parse(event.data), true);
events.onerror = () => live(false);
at("currency").onchange = load;
