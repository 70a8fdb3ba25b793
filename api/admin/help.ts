export const HELP = `api admin: manages who may use the API of Copr.

  user add USER [--admin] [--adopt] [--exist-ok]   makes a user, and the namespace with his projects
  user list
  user show USER                                   with groups and tokens
  user remove USER                                 with his tokens; namespace and projects stay
  user set-admin USER on|off                       administrators may do everything in every project

  token add USER [--days N] [--description TEXT] [--copr-config]
                                                   prints a new API token, which is shown this once;
                                                   with --copr-config as the text of ~/.config/copr
  token list USER
  token revoke LOGIN                               by the login that "token list" shows; at once

  group add GROUP [--adopt]                        makes a group, and the namespace with its projects
  group list
  group remove GROUP                               namespace and projects stay
  group add-member GROUP USER
  group remove-member GROUP USER

  --admin       the user may do everything in every project
  --adopt       the namespace of that name exists already: it becomes the owner's
  --exist-ok    it is no error that the user exists already; nothing is changed then
  --days N      days for which the token is good
  --description what the token is for

The first administrator:
  kubectl -n kopr-system exec deploy/kopr-api -- /usr/local/bin/node /opt/kopr/api.mjs admin user add alice --admin
  kubectl -n kopr-system exec deploy/kopr-api -- /usr/local/bin/node /opt/kopr/api.mjs admin token add alice --copr-config

Exit codes: 0 done, 1 refused or failed, 2 the words are not a command.
`;
