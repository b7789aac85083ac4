// Says which limit of the lab ended a kernel: JupyterLab itself says only that it has died.
//
// The lab's server knows (firstlight_lab.server). Written by hand in the form that a build would produce, as
// firstlight-tutorials is.
"use strict";

(() => {
  const ID = "firstlight-reasons";

  // JupyterLab cuts a notification after 140 characters: so a long name is cut before it.
  const short = (name) => (name.length > 20 ? `${name.slice(0, 19)}…` : name);

  // JupyterLab's own modules, set when it initializes this container.
  let modules;
  const use = async (name) => (await Object.values(modules[name])[0].get())();

  const plugin = async () => {
    const { INotebookTracker } = await use("@jupyterlab/notebook");
    const { IConsoleTracker } = await use("@jupyterlab/console");
    const { Notification } = await use("@jupyterlab/apputils");
    const { URLExt } = await use("@jupyterlab/coreutils");
    const { ServerConnection } = await use("@jupyterlab/services");
    return {
      id: `${ID}:plugin`,
      autoStart: true,
      requires: [INotebookTracker, IConsoleTracker],
      activate: ({ serviceManager: { serverSettings } }, ...trackers) => {
        const shown = new Set(); // the times of the ends that were shown

        const ends = async () => {
          const url = URLExt.join(serverSettings.baseUrl, "firstlight/ends");
          const answer = await ServerConnection.makeRequest(url, {}, serverSettings);
          return answer.ok ? answer.json() : [];
        };

        const explain = async (kernel, name) => {
          for (const end of (await ends()).filter((one) => one.kernel === kernel)) {
            if (!shown.has(end.time)) {
              shown.add(end.time);
              Notification.error(`${short(name)}: ${end.message}`, { autoClose: false });
            }
          }
        };

        for (const tracker of trackers) {
          tracker.widgetAdded.connect((_, { sessionContext }) => {
            sessionContext.statusChanged.connect((_, status) => {
              const kernel = sessionContext.session?.kernel?.id ?? sessionContext.prevKernelId;
              if (status === "autorestarting" || status === "dead") {
                explain(kernel, sessionContext.name || sessionContext.path);
              }
            });
          });
        }
      },
    };
  };

  (window._JUPYTERLAB ??= {})[ID] = {
    init: (shared) => {
      modules = shared;
    },
    get: async () => {
      const found = await plugin();
      return () => ({ __esModule: true, default: found });
    },
  };
})();
