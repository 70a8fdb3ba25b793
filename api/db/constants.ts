/** Counter of how often the repositories of projects were asked for; its keys are `<uid of the project> <release>`. */
export const DOWNLOADS = 'repo-download';
