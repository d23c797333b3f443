<?php
// One site on either database: what is not the database is the same on both, so that a login on one is a login on both.
define('DB_HOST', getenv('WORDPRESS_DB_HOST') ?: 'db');
define('DB_NAME', getenv('WORDPRESS_DB_NAME') ?: 'wordpress');
define('DB_USER', getenv('WORDPRESS_DB_USER') ?: 'wordpress');
define('DB_PASSWORD', getenv('WORDPRESS_DB_PASSWORD') ?: 'wordpress');
define('DB_CHARSET', 'utf8mb4');

// The site is wherever it was asked for: through Understudy, through a load balancer, or directly.
define('WP_HOME', 'http://' . $_SERVER['HTTP_HOST']);
define('WP_SITEURL', WP_HOME);

// For trying out only: a site of one's own needs secret keys of its own.
foreach (['AUTH_KEY', 'SECURE_AUTH_KEY', 'LOGGED_IN_KEY', 'NONCE_KEY',
          'AUTH_SALT', 'SECURE_AUTH_SALT', 'LOGGED_IN_SALT', 'NONCE_SALT'] as $name) {
    define($name, "the same on both stacks: $name");
}

// Nothing happens by itself, and nothing outside is asked.
define('DISABLE_WP_CRON', true);
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('AUTOMATIC_UPDATER_DISABLED', true);
