CREATE USER root@'%' IDENTIFIED BY 'understudy';
GRANT ALL PRIVILEGES ON *.* TO root@'%' WITH GRANT OPTION;
ALTER USER root@localhost IDENTIFIED BY 'understudy';
