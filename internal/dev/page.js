// Loads the page again once another worker answers.
const { path, generation } = document.currentScript.dataset;
const look = async () => {
  try {
    const answer = await fetch(path, { cache: "no-store" });
    if (answer.ok && (await answer.text()) !== generation) {
      location.reload();
      return;
    }
    document.body.classList.remove("gone");
  } catch {
    document.body.classList.add("gone"); // the server has ended, or starts again
  }
  setTimeout(look, 700);
};
setTimeout(look, 700);
