/** Name of the stage that makes the SRPM, among the chroots of a build. */
export const SOURCE_STAGE = 'srpm-builds';
