/** nginx without root and without a writable file system but for /tmp: only GET and HEAD, directories listed. */
export const NGINX_CONFIG = `worker_processes 2;
pid /tmp/nginx.pid;
error_log stderr warn;
events { worker_connections 512; }
http {
  access_log off;
  default_type application/octet-stream;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  sendfile on;
  server {
    listen 8080;
    root /srv/www;
    autoindex on;
    location = /healthz { return 200 "ok\\n"; }
  }
}
`;
