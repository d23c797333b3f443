GRANT ALL PRIVILEGES ON *.* TO root@'%' IDENTIFIED BY 'understudy' WITH GRANT OPTION;
SET PASSWORD FOR root@localhost = PASSWORD('understudy');
