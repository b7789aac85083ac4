// Adds a card to JupyterLab's launcher for each of the site's tutorials, shows what the lab's start has
// to tell, and closes the side bar on narrow screens.
//
// Written by hand in the form that a build would produce: a webpack module federation container, which
// is how JupyterLab loads extensions. This needs no build step and no copy of any JupyterLab code.
"use strict";

(() => {
  const ID = "firstlight-tutorials";
  const ORIGINALS = "tutorials-original"; // the site's, read-only
  const COPIES = "tutorials"; // the person's own

  // JupyterLab's own modules, set when it initializes this container.
  let modules;
  const use = async (name) => (await Object.values(modules[name])[0].get())();

  // "02-deep-sky.ipynb" becomes "Deep sky".
  const title = (file) => {
    const words = file.replace(/\.ipynb$/, "").replace(/^\d+-/, "").replaceAll("-", " ");
    return words.charAt(0).toUpperCase() + words.slice(1);
  };

  const tutorials = async (contents) => {
    const { content } = await contents.get(ORIGINALS);
    return content
      .filter(({ type }) => type === "notebook")
      .map(({ name }) => name)
      .sort();
  };

  // A person who has deleted their copy gets the read-only original.
  const locate = async (contents, file) => {
    try {
      await contents.get(`${COPIES}/${file}`, { content: false });
      return `${COPIES}/${file}`;
    } catch {
      return `${ORIGINALS}/${file}`;
    }
  };

  const STAR =
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><circle cx="20" cy="20" r="19" fill="#141b3d"/>' +
    '<path d="M20 5.5Q21.4 17.6 32 19.6Q21.4 21.6 20 33.7Q18.6 21.6 8 19.6Q18.6 17.6 20 5.5Z" fill="#ffc46b"/></svg>';

  const launcher = async () => {
    const { ILauncher } = await use("@jupyterlab/launcher");
    return {
      id: `${ID}:launcher`,
      autoStart: true,
      requires: [ILauncher],
      activate: async ({ commands, serviceManager: { contents } }, launcher) => {
        const command = `${ID}:open`;
        commands.addCommand(command, {
          label: ({ file }) => title(file ?? "Tutorial"),
          caption: ({ file }) => `Open the tutorial ${title(file ?? "")}`,
          execute: async ({ file }) =>
            commands.execute("docmanager:open", { path: await locate(contents, file), factory: "Notebook" }),
        });
        for (const [number, file] of (await tutorials(contents)).entries()) {
          // In the launcher's first group, after the kernels, so it is visible without scrolling.
          launcher.add({
            command,
            args: { file },
            category: "Notebook",
            rank: 100 + number,
            kernelIconUrl: `data:image/svg+xml,${encodeURIComponent(STAR)}`,
          });
        }
      },
    };
  };

  const NARROW = 600; // below this width in pixels, a file browser leaves no room for a notebook

  const narrow = async () => {
    const { ILabShell } = await use("@jupyterlab/application");
    const { IStateDB } = await use("@jupyterlab/statedb");
    const key = `${ID}:closed`;
    // JupyterLab saves the layout for all of a person's screens, so what a narrow one closed is saved
    // with it, and a wide one opens it again.
    const fit = async (shell, state) => {
      const closed = (await state.fetch(key)) ?? { left: false, right: false };
      if (window.innerWidth < NARROW) {
        await state.save(key, {
          left: closed.left || !shell.leftCollapsed,
          right: closed.right || !shell.rightCollapsed,
        });
        shell.collapseLeft();
        shell.collapseRight();
      } else {
        if (closed.left) shell.expandLeft();
        if (closed.right) shell.expandRight();
        await state.remove(key);
      }
    };
    return {
      id: `${ID}:narrow`,
      autoStart: true,
      requires: [ILabShell, IStateDB],
      // Not awaited: the layout is restored only when all plugins are active.
      activate: (app, shell, state) => {
        app.restored.then(() => fit(shell, state));
      },
    };
  };

  // Each once in a browser, and not at each reload of the page.
  const isNew = (note) => {
    const key = `${ID}:notes`;
    const seen = JSON.parse(localStorage.getItem(key) ?? "[]");
    localStorage.setItem(key, JSON.stringify([note, ...seen.filter((one) => one !== note)].slice(0, 50)));
    return !seen.includes(note);
  };

  const notes = async () => {
    const { Dialog, Notification, showDialog } = await use("@jupyterlab/apputils");
    const { PageConfig } = await use("@jupyterlab/coreutils");
    // JupyterLab cuts a notification after 140 characters; a button shows the whole note.
    const show = (note) => {
      const body = { title: "About your lab's start", body: note, buttons: [Dialog.okButton()] };
      const actions = note.length > 140 ? [{ label: "Read all", callback: () => showDialog(body) }] : [];
      Notification.warning(note, { autoClose: false, actions });
    };
    return {
      id: `${ID}:notes`,
      autoStart: true,
      activate: (app) => {
        // `firstlight_hub.spawner.start_home` writes them.
        const told = JSON.parse(PageConfig.getOption("firstlightNotes") || "[]");
        app.restored.then(() => {
          told.filter(isNew).forEach(show);
        });
      },
    };
  };

  (window._JUPYTERLAB ??= {})[ID] = {
    init: (shared) => {
      modules = shared;
    },
    get: async () => {
      const found = await Promise.all([launcher(), narrow(), notes()]);
      return () => ({ __esModule: true, default: found });
    },
  };
})();
